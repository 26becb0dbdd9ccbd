"""The client, for programs with an event loop."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from queuebit.credentials import Credential, find, home_folder, load
from queuebit.errors import Conflict, NotFound, Reason, Refused, Unreachable
from queuebit.inputs import plain_name, whole_number
from queuebit.permissions import permitted
from queuebit.records import Table
from queuebit.transport import Transport
from queuebit.watch import Watch
from queuebit_kernel import Stale

if TYPE_CHECKING:  # events are only loaded by what reads or writes them: a question starts in half the time
    from queuebit.amounts import Amount
    from queuebit.events import LoggedEvent
    from queuebit.job import AsyncJob
    from queuebit.log_client import Entry, LogClient
    from queuebit.payloads import Payloads
    from queuebit_contracts.job import JobSubmitted

__all__ = ["AsyncClient"]

_ASK_S = 15.0
_ID_LENGTH = 21
_MOST_ROWS = 10_000


class AsyncClient:
    """A user's view of the platform. Use it as `async with AsyncClient() as client`."""

    def __init__(
        self,
        credential: Credential | Path | str | None = None,
        *,
        home: Path | str | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Prepare; the connection is made when first used.

        Args:
            credential: who asks, or the file that says so; found in the home when absent.
            home: the stack's folder, where `QUEUEBIT_HOME` and `~/.queuebit` are not meant.
            transport: how to reach the bus; a test gives its own.
        """
        if isinstance(credential, Path | str):
            credential = load(Path(credential).expanduser())
        self.credential = credential or find(home_folder(home))
        self._transport = transport or _over_nats(self.credential)
        self._watch = Watch(self._transport, self.credential.tenant)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connection; jobs go on."""
        await self._transport.close()

    async def submit(
        self,
        circuit: object,
        *,
        shots: int = 1000,
        backend: str | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        key: str | None = None,
        max_cost: Amount | None = None,
        seed: int | None = None,
        label: str | None = None,
    ) -> AsyncJob:
        """Ask for a job and return at once; whether it is accepted, its `wait()` or `result()` tells.

        Args:
            circuit: a `Path` to a file of OpenQASM 2 or 3, the source itself, or a circuit of Qiskit or Cirq, which
                the library's own exporter writes as OpenQASM.
            shots: how often to run it.
            backend: where; the cheapest that fits of the project's default kind, ideal simulators, when absent.
            project: who pays; the credential's own project when absent.
            purpose: what for; a job without one is refused.
            key: idempotency key: the same key and content is the same job, however often it is submitted.
            max_cost: refuse the job if it could cost more: `Money`, a number or a text in USD, or "1.50 EUR".
            seed: of the simulation; derived from the job's id when absent.
            label: a name for people; the name of the file or of Qiskit's circuit when absent.

        Raises:
            InvalidInput: it cannot be sent.
            Refused: the user is a viewer.
            Conflict: the key names a job with other content.
            Unreachable: the platform did not confirm; submit again with the same key.
        """
        from queuebit.log_client import Entry
        from queuebit.sources import read_source
        from queuebit.submission import MEDIA_TYPE, label_of, submission
        from queuebit_contracts import subjects
        from queuebit_runtime.payloads import describe

        content = read_source(circuit)
        event = submission(
            self.credential,
            describe(content, MEDIA_TYPE),
            shots=shots,
            project=project,
            backend=backend,
            purpose=purpose,
            label=label_of(circuit) if label is None else label,
            key=key,
            max_cost=max_cost,
            seed=seed,
        )
        history = subjects.job(self.credential.tenant, event.data.job)
        job, known = self.job(event.data.job), Entry(event, 0)
        await self._watch.start()
        try:
            with permitted(self.credential, "submit jobs"):
                await self._payloads().put(content, MEDIA_TYPE)
                new = await self._log_client().append(event, guard=history.everything)
        except Stale:
            new, known = False, await self._same(event)
        job.was_submitted(known, new=new)
        return job

    def job(self, job: str) -> AsyncJob:
        """A job by its whole id; nothing is asked yet.

        Raises:
            InvalidInput: no job has such an id.
        """
        from queuebit.job import AsyncJob

        return AsyncJob(plain_name("job", job), self.credential, self._log_client(), self._watch, self._payloads())

    async def find(self, prefix: str) -> AsyncJob:
        """A job by its whole id, or a recent one by the beginning of its id.

        Raises:
            NotFound: there is no such job, or none or several of the last 1,000 begin so.
        """
        if len(prefix) == _ID_LENGTH:
            job = self.job(prefix)
            await job.status()  # who waits for a job that is not there waits for ever
            return job
        rows = await self.jobs(limit=1000)
        fitting = sorted({str(row["job"]) for row in rows if str(row.get("job", "")).startswith(prefix)})
        if len(fitting) == 1:
            return self.job(fitting[0])
        if fitting:
            raise NotFound(f"{len(fitting)} jobs begin with {prefix!r}: give more of the id, such as {fitting[0][:10]}")
        raise NotFound(f"no recent job begins with {prefix!r}: `qb jobs` lists what there is")

    async def jobs(self, *, project: str | None = None, limit: int = 50) -> Table:
        """The newest jobs of the tenant.

        Args:
            project: of this project alone.
            limit: how many, up to 10,000.
        """
        return await self._ask("jobs", project=project, limit=whole_number("limit", limit, 1, _MOST_ROWS))

    async def backends(self) -> Table:
        """What circuits can run on."""
        return await self._ask("backends")

    async def plan(self, circuit: object, *, shots: int = 1000, project: str | None = None) -> Table:
        """What a job would cost and how good it would be on each backend, without running it.

        Args:
            circuit: as for `submit`.
            shots: how often it would run.
            project: who would pay; the credential's own project when absent.

        Raises:
            InvalidInput: it cannot be sent.
            Refused: it is no circuit that the platform understands, or the user is a viewer and it is large.
        """
        from queuebit.sources import read_source
        from queuebit.submission import MEDIA_TYPE

        content = read_source(circuit)
        with permitted(self.credential, "store circuits"):
            payload = await self._payloads().put(content, MEDIA_TYPE)
        asked = payload.model_dump(mode="json", exclude_none=True)
        paying = project or self.credential.project or None
        return await self._ask("plan", circuit=asked, shots=whole_number("shots", shots), project=paying)

    async def charges(self, *, project: str | None = None, limit: int = 50) -> Table:
        """What was charged.

        Args:
            project: to this project alone.
            limit: how many rows, up to 10,000.
        """
        return await self._ask("charges", project=project, limit=whole_number("limit", limit, 1, _MOST_ROWS))

    async def slo(self) -> Table:
        """How well the platform keeps its service levels."""
        return await self._ask("slo")

    def events(self, job: str | None = None) -> AsyncGenerator[LoggedEvent, None]:
        """Everything that happens to the tenant's jobs from now on, as the log has it.

        Args:
            job: the id of the only one to follow.
        """
        from queuebit.events import follow

        return follow(self._transport, self._log_client(), None if job is None else plain_name("job", job))

    async def _same(self, event: JobSubmitted) -> Entry:
        """The submission that the log holds under the job's id; raises `Conflict` if it is another one."""
        from queuebit.submission import content_digest
        from queuebit_contracts.job import JobSubmitted
        from queuebit_contracts.subjects import subject_of

        first = await self._log_client().last(subject_of(event))
        if first is None or not isinstance(first.event, JobSubmitted):
            raise Unreachable(f"the log does not show what job {event.data.job} is yet: submit again with the same key")
        if content_digest(first.event.data) != content_digest(event.data):
            raise Conflict(
                f"key {event.data.key!r} already names job {event.data.job} with other content: "
                "use a new key, or submit exactly what was submitted first"
            )
        return first

    async def _ask(self, question: str, **asked: object) -> Table:
        if asked.get("project") is not None:
            plain_name("project", asked["project"])
        body = json.dumps({name: value for name, value in asked.items() if value is not None}).encode()
        subject = f"qb.query.{self.credential.tenant}.{question}"
        answer = json.loads((await self._transport.request(subject, body, timeout=_ASK_S)).body)
        if error := answer.get("error"):
            raise Refused([Reason(error["code"], error["text"])])
        return Table(dict(row) for row in answer.get("rows", ()))

    def _log_client(self) -> LogClient:
        from queuebit.log_client import LogClient

        return LogClient(self._transport, self.credential.tenant)

    def _payloads(self) -> Payloads:
        from queuebit.payloads import Payloads

        return Payloads(self._transport, self.credential.tenant)


def _over_nats(credential: Credential) -> Transport:
    from queuebit.nats_transport import NatsTransport

    return NatsTransport(credential.url, credential.seed, credential.inbox, ca_file=credential.ca_file)
