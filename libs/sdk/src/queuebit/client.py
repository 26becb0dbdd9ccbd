"""The client, for programs with an event loop."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any

from queuebit.access import access_of
from queuebit.credentials import Credential, choose, load
from queuebit.errors import InvalidInput, NotFound
from queuebit.finding import LATEST, is_id, meant
from queuebit.inputs import moment, plain_name, whole_number
from queuebit.permissions import permitted
from queuebit.records import Row, Table
from queuebit.transport import Transport
from queuebit.waiting import WAITING, reasons_of, waiting_reasons
from queuebit.watch import Watch
from queuebit_kernel import rfc3339
from queuebit_replay import ALPHA, FLOOR

if TYPE_CHECKING:  # event classes are imported where they are used: a query then starts in half the time
    from queuebit.amounts import Amount
    from queuebit.devices import Device
    from queuebit.events import LoggedEvent
    from queuebit.group import AsyncGroup
    from queuebit.hybrid_jobs import AsyncHybridJob
    from queuebit.job import AsyncJob
    from queuebit.limits import Deadline, Probability
    from queuebit.lineage import Lineage
    from queuebit.log_client import LogClient
    from queuebit.mapping import Mapped, Progress
    from queuebit.named_circuits import NamedCircuit, StoredCircuit
    from queuebit.payloads import Payloads
    from queuebit.random_bits import RandomBits
    from queuebit.replays import Compared, Ran
    from queuebit.reservation_requests import Reservation
    from queuebit.session import AsyncSession
    from queuebit.template_runs import AsyncTemplateRun

__all__ = ["AsyncClient"]

_MOST_ROWS = 10_000
_MOST_INVOICES = 500
_MOST_RECORDS = 200

_IN_SESSION = "QUEUEBIT_HYBRID_SESSION"
"""Names the session of all jobs that name none: a hybrid job with a cap sets it."""


class AsyncClient:
    """A user's view of the platform. Use it as `async with AsyncClient() as client`."""

    def __init__(
        self,
        credential: Credential | Path | str | None = None,
        *,
        home: Path | str | None = None,
        url: str | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Create a client; it connects when first used, or at once to ask a gateway whom a token stands for.

        Args:
            credential: the user's credential, or its file; default: the token in `QUEUEBIT_TOKEN` for a gateway, else
                the one in the home.
            home: the stack's folder; default: `QUEUEBIT_HOME`, else `~/.queuebit`.
            url: of the bus (`nats://`), of a gateway (`https://`) or of a sidecar (`unix:///path`); default:
                `QUEUEBIT_URL`, else that of the credential.
            transport: the connection to the bus; tests pass their own.
        """
        if isinstance(credential, Path | str):
            credential = load(Path(credential).expanduser())
        if credential is None:
            self.credential = choose(home, url=url)
        else:
            self.credential = replace(credential, url=url) if url else credential
        self._access = access_of(self.credential, transport)
        self._transport = self._access.transport
        self._watch = Watch(self._transport, self.credential.tenant)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; jobs continue."""
        await self._transport.close()

    async def submit(
        self,
        circuit: object,
        *,
        shots: int = 1000,
        backend: str | Sequence[str] | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        key: str | None = None,
        max_cost: Amount | None = None,
        min_fidelity: Probability | None = None,
        deadline: Deadline | None = None,
        vendors: Sequence[str] = (),
        regions: Sequence[str] = (),
        seed: int | None = None,
        tags: Sequence[str] = (),
        workload_class: str | None = None,
        label: str | None = None,
        session: str | None = None,
        fallback: bool = True,
        alone: bool = False,
        spot: bool = False,
        objective: str | None = None,
        priority: int | None = None,
        reservation: str | None = None,
        parameters: Mapping[Any, Any] | None = None,
        observables: Sequence[object] = (),
        outputs: Sequence[str] | None = None,
        compilation: Mapping[str, Any] | None = None,
        post: Sequence[str] = (),
        reference: Mapping[str, float] | None = None,
        floor: float | None = None,
        data: Sequence[str] = (),
    ) -> AsyncJob:
        """Submit a job and return at once; `wait()` or `result()` show whether it is accepted.

        Args:
            circuit: a `Path` to a file of OpenQASM 2 or 3, QIR or Q#, the source itself, or a circuit of Qiskit or
                Cirq, which the library's own exporter writes as OpenQASM. Several in one job: a `Batch` or a `Sweep`.
            shots: how often to run it; in a program, each item and each basis of its observables.
            backend: where to run it, or a list: on one of these; default: where its session runs, or else the cheapest
                that fits, of the project's default kind (ideal simulators).
            project: the project that pays; default: the credential's project.
            purpose: required text about the use; jobs without one are refused.
            key: idempotency key: the same key and content always means the same job.
            max_cost: refuse the job if it could cost more: `Money`, a number or a text in USD, or "1.50 EUR".
            min_fidelity: run it only where its estimated success probability is at least this, such as 0.9; also if a
                calibration changes while it waits (default: as its project says).
            deadline: when the result must be there, as a time with a zone or as a duration from now; a job that can no
                longer begin in time ends as `expired` and costs nothing (default: as its project says).
            vendors: run it only at these vendors, named as in budgets: "amazon-braket".
            regions: run it only in these regions.
            seed: seed of the simulation; default: derived from the job's id.
            tags: names for the bill, at most 8; the job also counts against the budget of each tag that has one.
            workload_class: what kind of work it is, such as "batch"; the job counts against the budget of that class.
            label: a display name; default: the name of the file or of Qiskit's circuit.
            session: the id of an open session; `Client.session` opens one, and submits to it.
            fallback: whether the fallback rule of its project applies; False: it waits for what it asks for.
            alone: whether it runs without circuits of other jobs on the device at the same time, whatever its project
                allows.
            spot: whether it runs only while no other job wants the backend, at the price of spot jobs; a backend
                without such a price runs none.
            objective: what it prefers of the backends that it may run on: "cost", "time", "fidelity" or "balanced"
                (default: as its project says, or "cost"); the last one takes a later completion for a higher estimated
                success probability.
            priority: from -9 to 9, compared among the jobs of its project with the same class; the highest is first.
            reservation: the id of a reservation of its project: it runs in that slot, or it is refused with the reason,
                or ends as `expired`, which costs nothing. Without it, it runs where and when it can.
            parameters: values for the `input`s that the circuit declares, by name.
            observables: estimate these, such as "ZZ" or {"XI": 0.5, "ZZ": 1}, instead of returning counts.
            outputs: any of `counts`, `memory` (shot by shot) and `quasi` (shares with standard errors).
            compilation: how circuits are compiled: any of `optimization_level` (1 to 3), `dynamical_decoupling` ("xx"
                or "xy4") and `twirling` (a number of copies). A backend that cannot do one refuses the job.
            post: steps after the run, such as "readout-mitigation/1" and "zne/1": see docs/post-processing.md.
            reference: the outcomes that the counts are compared with, and their weights, such as {"00": 1, "11": 1}.
            floor: the least Hellinger fidelity to the reference: a result below it does not pass its quality check.
            data: the data sets that the work was made from, at most 4, for its receipt: each as "NAME@VERSION", with
                "=FILE" or "=sha256:..." for the digest of its content.

        Raises:
            InvalidInput: it cannot be sent.
            Refused: the user's role does not permit it.
            Conflict: the key names a job with other content.
            Unreachable: the platform did not confirm; submit again with the same key.
        """
        from queuebit.data_sets import data_sets
        from queuebit.limits import limits_of, one_or_several
        from queuebit.named_circuits import version_of
        from queuebit.programs import processing_of
        from queuebit.sending import Sender

        backend, several = one_or_several(backend)
        return await Sender(self.credential, self._log_client(), self._watch, self._payloads()).submit(
            circuit,
            (parameters, observables, outputs, processing_of(compilation, post), reference, floor),
            key,
            label,
            shots=shots,
            backend=backend,
            project=project,
            purpose=purpose,
            max_cost=max_cost,
            seed=seed,
            tags=tags,
            workload_class=workload_class,
            session=session or os.environ.get(_IN_SESSION),
            fallback=fallback,
            alone=alone,
            spot=spot,
            objective=objective,
            limits=limits_of(several, vendors=vendors, regions=regions, min_fidelity=min_fidelity, deadline=deadline),
            priority=priority,
            reservation=reservation,
            inputs=data_sets(data),
            circuit_version=version_of(circuit),
        )

    async def map(
        self,
        circuits: Iterable[object],
        *,
        concurrency: int = 16,
        key: str | None = None,
        timeout: float | None = None,
        report: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> Mapped:
        """Run each circuit as a job of its own, and return the result or the error of each, in their order.

        Args:
            circuits: each as for `submit`; many cheap ones are better one job, a `Batch`.
            concurrency: how many jobs to have submitted at once, up to 256.
            key: names the work: the same circuits and options under it are the same jobs, which are not paid again.
            timeout: seconds to wait for each result; a job continues after that.
            report: called after each job and each charge, with the sum of all charges so far.
            options: further arguments of `submit`, for every job.
        """
        from queuebit.mapping import map_circuits

        return await map_circuits(self.submit, circuits, concurrency, key, timeout, report, options)

    def session(
        self,
        *,
        backend: str | None = None,
        max_cost: Amount | None = None,
        name: str | None = None,
        max_idle: int | None = None,
        max_age: int | None = None,
        project: str | None = None,
        key: str | None = None,
    ) -> AsyncSession:
        """Jobs that belong together, as `async with client.session(...) as session`; sends no request yet.

        Args:
            backend: where all its jobs run, before other jobs; default: each as for `submit`, without priority.
            max_cost: the most that its jobs and its idle time may cost together, from any program: it is held when the
                session opens.
            name: the tag of its jobs; default: the session's id.
            max_idle: it closes after so many seconds without a job; default: 300.
            max_age: it closes after so many seconds; default: 28,800, at most a day.
            project: the project that pays; default: the credential's.
            key: the same key and arguments are the same session in every program; default: a new session.
        """
        from queuebit.session import AsyncSession

        return AsyncSession(
            self,
            backend=backend,
            max_cost=max_cost,
            name=name,
            max_idle=max_idle,
            max_age=max_age,
            project=project,
            key=key,
        )

    async def sessions(self, *, session: str | None = None, limit: int = 50) -> Table:
        """Sessions of the tenant that are open, or closed within a day, the newest first, with what they cost.

        Args:
            session: only this one.
            limit: how many, up to 10,000.
        """
        return await self._ask("sessions", session=session, limit=whole_number("limit", limit, 1, _MOST_ROWS))

    async def reserve(
        self,
        backend: str,
        starts_at: datetime,
        ends_at: datetime | None = None,
        *,
        length: timedelta | None = None,
        project: str | None = None,
        users: Iterable[str] | None = None,
        name: str | None = None,
        max_idle: int | None = None,
        key: str | None = None,
        dry_run: bool = False,
    ) -> Reservation:
        """Book a slot of a backend, in which only jobs of the project run there; its price is held.

        Args:
            backend: which one.
            starts_at: when it begins, with a time zone, at a whole second.
            ends_at: when it ends; or give `length`.
            length: how long it is, up to a day.
            project: the project that pays, and whose jobs use it; default: the credential's.
            users: only their jobs use it; default: all of the project.
            name: for people.
            max_idle: the rest is given back after so many seconds without a job; default: never.
            key: the same key and arguments are the same reservation; default: a new one.
            dry_run: say what it would cost, and book nothing.

        Raises:
            InvalidInput: a value cannot be sent, such as a time without a zone.
            Refused: for all reasons, such as that the backend is taken; the text has the next free slot.
            Unreachable: the broker did not confirm.
        """
        from queuebit.reservation_requests import booking, reservation_of

        request = booking(
            self.credential,
            key=token_hex(12) if key is None else key,
            backend=backend,
            starts_at=starts_at,
            ends_at=ends_at,
            length=length,
            project=project,
            users=users,
            label=name or "",
            max_idle=max_idle,
            dry_run=dry_run,
        )
        return reservation_of(await self._access.book_reservation(request))

    async def cancel_reservation(self, reservation: str) -> Reservation:
        """Cancel a reservation before it starts, or give the rest of its slot back; raises as `reserve`."""
        from queuebit.reservation_requests import cancelling, reservation_of

        return reservation_of(await self._access.cancel_reservation(cancelling(self.credential, reservation)))

    async def reservations(self, *, reservation: str | None = None, limit: int = 50) -> Table:
        """Reservations of the tenant that are ahead, or ended within a day, the newest first.

        Args:
            reservation: only this one.
            limit: how many, up to 10,000.
        """
        most = whole_number("limit", limit, 1, _MOST_ROWS)
        return await self._ask("reservations", reservation=reservation, limit=most)

    async def windows(self, *, backend: str | None = None, limit: int = 1000) -> Table:
        """When backends are taken from now on: planned windows, and reserved slots without their holders.

        Args:
            backend: only this one.
            limit: how many, up to 10,000.
        """
        return await self._ask("windows", backend=backend, limit=whole_number("limit", limit, 1, _MOST_ROWS))

    async def run_hybrid(
        self,
        file: Path | str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_time: float = 600,
        max_cost: Amount | None = None,
        project: str | None = None,
        purpose: str = "interactive",
        label: str | None = None,
        key: str | None = None,
        retries: int = 0,
        tags: Sequence[str] = (),
    ) -> AsyncHybridJob:
        """Have the platform run a Python file beside its backends, and return at once.

        The file submits jobs with `Client()`, in your name: a key that only the platform's service has is granted to
        it, for this project and until the file ends. It has no network but that.

        Args:
            file: a Python file; it declares its dependencies as PEP 723 says, and uses `queuebit.hybrid`.
            parameters: what `queuebit.hybrid.parameters()` gives there; JSON.
            max_time: seconds after which it is stopped.
            max_cost: the most that its own time and its jobs may cost together: a session with this cap pays for them.
            project: the project that pays; default: the credential's project.
            purpose: required text about the use.
            label: a display name; default: the name of the file.
            key: idempotency key: the same key and content always means the same hybrid job.
            retries: how often to run it again if the platform lost it; a `Workflow` keeps its finished steps.
            tags: names for the bill, at most 8.

        Raises:
            InvalidInput: it cannot be sent.
            Refused: you may not, or hybrid jobs cannot run there.
            Conflict: the key names a hybrid job with other content.
            Unreachable: the platform did not confirm; submit again with the same key.
        """
        from queuebit.hybrid_requests import run_hybrid

        return await run_hybrid(
            self,
            file,
            parameters=parameters,
            max_time=max_time,
            max_cost=max_cost,
            project=project,
            purpose=purpose,
            label=label,
            key=key,
            retries=retries,
            tags=tags,
        )

    def template(
        self,
        name: str,
        *,
        backend: str | None = None,
        max_cost: Amount | None = None,
        project: str | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        **parameters: Any,
    ) -> AsyncTemplateRun:
        """A ready workload, such as `client.template("grover", marked="101")`; sends no request yet.

        Args:
            name: of the template; `qb template list` shows those that are installed.
            backend: where its jobs run; default: as for `submit`.
            max_cost: the most that its jobs may cost together; several jobs are a session with this cap.
            project: the project that pays; default: the credential's project.
            key: idempotency key: the same template with the same key and parameters has the same jobs.
            tags: names for the bill.
            parameters: values for the template's parameters; `qb template show NAME` lists them.

        Raises:
            NotFound: no installed template has this name.
            InvalidInput: a value is unknown or out of bounds; the text has every fault.
        """
        from queuebit.template_runs import RunOptions, template_run

        options = RunOptions(backend=backend, max_cost=max_cost, project=project, key=key, tags=tags)
        return template_run(self, name, parameters, options)

    async def hybrid_jobs(self, *, project: str | None = None, limit: int = 50) -> Table:
        """The newest hybrid jobs of the tenant.

        Args:
            project: only of this project.
            limit: how many, up to 1,000.
        """
        return await self._ask("hybrids", project=project, limit=whole_number("limit", limit, 1, 1000))

    def hybrid_job(self, hybrid: str) -> AsyncHybridJob:
        """A hybrid job by its id; sends no request.

        Raises:
            InvalidInput: no hybrid job has such an id.
        """
        from queuebit.hybrid_jobs import handle

        return handle(self, hybrid)

    def job(self, job: str) -> AsyncJob:
        """A job by its full id; sends no request.

        Raises:
            InvalidInput: no job has such an id.
        """
        from queuebit.job import AsyncJob

        return AsyncJob(plain_name("job", job), self.credential, self._log_client(), self._watch, self._payloads())

    async def find(self, prefix: str) -> AsyncJob:
        """A job by its full id, a recent one by a prefix of its id, or the newest: `latest`.

        Raises:
            NotFound: there is no such job, or the prefix fits none or several of the last 1,000 jobs.
        """
        return self.job(await meant(self, prefix))

    async def random(
        self,
        bits: int,
        *,
        backend: str | None = None,
        qubits: int = 8,
        security: int = 64,
        project: str | None = None,
        max_cost: Amount | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        timeout: float | None = None,
    ) -> RandomBits:
        """Random bits from measured qubits, by one job: superpositions, measured shot by shot.

        Their min-entropy is estimated as in NIST SP 800-90B, and a Toeplitz hash with a seed of the operating system
        extracts the bits. Bits of a simulator are pseudo-random, and say so: name a quantum device.

        Args:
            bits: how many, up to 100,000.
            backend: where to run it; default: as for `submit`, which is a simulator.
            qubits: how many are measured in each shot, up to 32.
            security: bits and seed are at most 2^-security from uniform, if the estimate holds; from 32 to 256.
            project: the project that pays; default: the credential's project.
            max_cost: refuse the job if it could cost more.
            key: idempotency key of the job: it is not paid again, and the bits are others, since the seed is.
            tags: names for the bill.
            timeout: seconds to wait for the result; the job continues after that.

        Raises:
            InvalidInput: a number is out of its range.
            NotFound: there is no such backend.
            Refused: the job was rejected.
            JobFailed: it failed, or its raw bits fail a health test, have too little entropy, or have lost their order.
            StillRunning: it did not end in time.
        """
        from queuebit.random_bits import random_bits

        return await random_bits(
            self,
            bits,
            backend=backend,
            qubits=qubits,
            security=security,
            project=project,
            max_cost=max_cost,
            key=key,
            tags=tags,
            timeout=timeout,
        )

    async def replay(
        self,
        job: str,
        *,
        backend: str | None = None,
        max_cost: Amount | None = None,
        key: str | None = None,
        timeout: float | None = None,
        alpha: float = ALPHA,
        floor: float = FLOOR,
    ) -> Compared:
        """Run a completed job again as it ran, and compare both results.

        The new job has the same circuit, shots and seed, on the backend where the first one ran. An emulated device
        runs a single circuit under the calibration of the first job, if that is still stored. Its project pays it
        like any other job, and its submission names the first one.

        Args:
            job: its id.
            backend: run it there instead.
            max_cost: refuse it if it could cost more; default: that of the first job.
            key: the same key is the same replay, which is not paid again; default: a new one.
            timeout: seconds to wait for the result; the new job continues after that.
            alpha: how often equal work may be called `drifted`.
            floor: the Hellinger fidelity below which results are `different`.

        Raises:
            NotFound: the tenant has no such job, or its circuit, its result or its backend is gone.
            StillRunning: it has not ended, or the new one did not in time.
            InvalidInput: it has no result with counts, or `alpha` or `floor` is not between 0 and 1.
            Refused: the new job was rejected; `reasons` holds all of them.
        """
        from queuebit.replays import compared, earlier_calibration, replay_of, require_limits
        from queuebit.sending import Sender

        require_limits(alpha, floor)
        first = await self._ran(job)
        sender = Sender(self.credential, self._log_client(), self._watch, self._payloads())
        calibration, note = await earlier_calibration(first, self._ask)
        again = await replay_of(
            sender,
            first,
            await self.backends(),
            backend=backend,
            key=key,
            max_cost=max_cost,
            calibration=calibration,
        )
        await self.job(again).result(timeout)
        return replace(compared(first, await self._ran(again), alpha, floor), note=note)

    async def compare(self, one: str, other: str, *, alpha: float = ALPHA, floor: float = FLOOR) -> Compared:
        """Compare the results of two completed jobs, such as one of a simulator and one of a device.

        Args:
            one: the id of the first job.
            other: the id of the second one.
            alpha: how often equal work may be called `drifted`.
            floor: the Hellinger fidelity below which results are `different`.

        Raises:
            NotFound: the tenant has no such job, or a result is gone.
            StillRunning: one of them has not ended.
            InvalidInput: their results cannot be compared.
        """
        from queuebit.replays import compared

        return compared(await self._ran(one), await self._ran(other), alpha, floor)

    async def circuits(self, *, limit: int = 1000) -> Table:
        """The named circuits of the tenant: each version with its digest, owner, inputs and state, the newest first.

        Args:
            limit: how many versions, up to 10,000.
        """
        return await self._ask("circuits", limit=whole_number("limit", limit, 1, _MOST_ROWS))

    async def circuit(self, name: str) -> NamedCircuit:
        """A named circuit of the tenant, to submit it: its receipt then says what it is called.

        Args:
            name: `NAME` for the newest version that is released, `NAME@canary` for the newest canary, or `NAME@7`.

        Raises:
            InvalidInput: it has another form.
            NotFound: there is no such version, it was withdrawn, or its source is gone.
        """
        from queuebit.named_circuits import chosen, loaded

        return await loaded(self._payloads(), chosen(await self.circuits(), name))

    async def store_circuit(self, circuit: object) -> StoredCircuit:
        """Keep the source of a circuit in the payload store of the tenant, such as for `qb circuit draft`.

        Args:
            circuit: as for `submit`; its inputs may be open.

        Raises:
            InvalidInput: it cannot be a circuit.
            Refused: the user's role does not permit it.
        """
        from queuebit.named_circuits import StoredCircuit, declared_inputs
        from queuebit.sources import read_program_source
        from queuebit_planning.languages import media_type_of

        source = read_program_source(circuit, measured=False)
        with permitted(self.credential, "store circuits"):
            payload = await self._payloads().store(source, media_type_of(source))
        return StoredCircuit(payload.digest, payload.size, payload.media_type, declared_inputs(source))

    async def log_signature(self, envelope: bytes) -> str:
        """Make the statement of a signed file a leaf of the platform's log; return its proof, for `verify_file`.

        The log has the digest of the statement, and nothing else. The same statement has one leaf.

        Args:
            envelope: the signature, of `sign_file`.

        Raises:
            InvalidInput: it is no signature.
            Refused: the user's role does not permit it.
            Unreachable: no service answered.
        """
        from queuebit.artefacts import statement_digest

        (row,) = await self._ask("leaf", statement=statement_digest(envelope))
        return str(row["proof"])

    async def lineage(self, name: str, *, limit: int = 200) -> Lineage:
        """What a job, circuit, calibration or data set has to do with others, as the statements of jobs say it.

        Args:
            name: a job by its id, a prefix or `latest`; the digest of a circuit, calibration or result, or the begin of
                one; `NAME` or `NAME@VERSION` of a circuit, and `NAME@VERSION` of a data set.
            limit: how many of the newest jobs are looked at, up to 10,000.

        Raises:
            NotFound: none of these jobs names it, or more than one thing is called so.
        """
        from queuebit.lineage import lineage_of, predicates_of

        recent = [str(row["job"]) for row in await self.jobs(limit=limit)]
        if name == LATEST and recent:
            name = recent[0]
        found = await predicates_of(self._log_client(), [*recent, *([name] if is_id(name) else [])])
        return lineage_of(name, found)

    async def _ran(self, job: str) -> Ran:
        from queuebit.replays import ran

        return await ran(self._log_client(), self._payloads(), job, await self.job(job).status())

    async def jobs(
        self,
        *,
        project: str | None = None,
        tag: str | None = None,
        session: str | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> Table:
        """The newest jobs of the tenant.

        Args:
            project: only jobs of this project.
            tag: only jobs with this tag.
            session: only jobs of the session with this id.
            until: only jobs that were submitted before this time, which has a zone.
            limit: how many, up to 10,000.
        """
        most, before = whole_number("limit", limit, 1, _MOST_ROWS), rfc3339(until) if until else None
        return await self._ask("jobs", project=project, tag=tag, session=session, until=before, limit=most)

    async def groups(self, *, project: str | None = None, days: int = 30, limit: int = 50) -> Table:
        """Tags and sessions of jobs, the newest first: jobs by state, `charged` and `held` by currency.

        Args:
            project: only jobs of this project.
            days: only jobs that were submitted in the last days, up to 366.
            limit: how many groups, up to 1,000.
        """
        window, most = whole_number("days", days, 1, 366), whole_number("limit", limit, 1, 1_000)
        return await self._ask("groups", project=project, days=window, limit=most)

    def group(self, name: str, *, kind: str = "tag") -> AsyncGroup:
        """The jobs with a tag, of a session (its id) or of a workflow (its name); sends no request.

        Args:
            name: of the tag, session or workflow.
            kind: `tag`, `session` or `workflow`.
        """
        from queuebit.group import AsyncGroup

        return AsyncGroup(kind, name, self.credential.tenant, self._ask, self.job)

    async def backends(self) -> Table:
        """The backends, with price and quality."""
        return await self._ask("backends")

    async def device(self, backend: str) -> Device:
        """A backend as its executor announced it: gates, features, and the newest calibration.

        Raises:
            NotFound: no executor ever offered it.
        """
        return await self._access.device(plain_name("backend", backend))

    async def plan(
        self,
        circuit: object,
        *,
        shots: int = 1000,
        project: str | None = None,
        compilation: Mapping[str, Any] | None = None,
        post: Sequence[str] = (),
        backend: str | Sequence[str] | None = None,
        max_cost: Amount | None = None,
        min_fidelity: Probability | None = None,
        deadline: Deadline | None = None,
        vendors: Sequence[str] = (),
        regions: Sequence[str] = (),
        spot: bool = False,
        reservation: str | None = None,
    ) -> Table:
        """Cost and expected quality of a job on each backend, without running it.

        Backends that a limit excludes are rows with the reason. If none is left, `advice` of the table says which limit
        takes the last one away, and what the nearest plan would be.

        Args:
            circuit: as for `submit`.
            shots: how often it would run.
            project: the project that would pay; default: the credential's project.
            compilation: as for `submit`.
            post: as for `submit`; the runs that a step needs are in the cost.
            backend: as for `submit`.
            max_cost: as for `submit`.
            min_fidelity: as for `submit`.
            deadline: as for `submit`.
            vendors: as for `submit`.
            regions: as for `submit`.
            spot: as for `submit`: the costs are those of spot jobs.
            reservation: as for `submit`: only its backend is planned.

        Raises:
            InvalidInput: it cannot be sent.
            Refused: the platform cannot read the circuit, or it is large and the user may not store it; or the job
                cannot run in the reservation.
        """
        from queuebit.limits import demands_of
        from queuebit.programs import content_of, processing_of

        demanded = demands_of(
            backend, max_cost, min_fidelity=min_fidelity, deadline=deadline, vendors=vendors, regions=regions
        )
        with permitted(self.credential, "store circuits"):
            content, media_type = await content_of(
                self._payloads(), circuit, processing=processing_of(compilation, post)
            )
            payload = await self._payloads().put(content, media_type)
        asked = payload.model_dump(mode="json", exclude_none=True)
        paying = project or self.credential.project or None
        demanded |= {"spot": spot or None, "reservation": reservation}
        return await self._ask("plan", circuit=asked, shots=whole_number("shots", shots, 1), project=paying, **demanded)

    async def backend_status(self) -> Table:
        """Whether backends answer, and the queues in front of those of vendors: a row for each.

        `queue` is None where the vendor states none. Otherwise it has the `jobs` of all customers, if the vendor counts
        them, and the wait of a new job: `expected_ms`, and from `low_ms` to `high_ms` for eight of ten.
        """
        return await self._ask("liveness")

    async def fidelities(self, *, limit: int = 1000) -> Table:
        """What earlier jobs of the tenant gave beside their estimated success probabilities: a row for each backend.

        `jobs` had their results compared with a reference, and `ratios_ppm` is the sum of measured over estimated, in
        millionths. `queuebit_planning.shrinkage` corrects an estimate with them.

        Args:
            limit: how many of the newest completed jobs are looked at, up to 10,000.
        """
        return await self._ask("fidelities", limit=whole_number("limit", limit, 1, _MOST_ROWS))

    async def charges(self, *, project: str | None = None, limit: int = 50) -> Table:
        """Charges, newest first.

        Args:
            project: only charges to this project.
            limit: how many rows, up to 10,000.
        """
        return await self._ask("charges", project=project, limit=whole_number("limit", limit, 1, _MOST_ROWS))

    def export_charges(
        self,
        form: str = "csv",
        *,
        project: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Every charge and correction as a file, piece by piece, newest first; amounts are exact decimals.

        Args:
            form: `csv`, `jsonl`, or `focus`: CSV with the columns of FOCUS 1.2.
            project: only charges to this project.
            since: only what was charged at this time or later.
            until: only what was charged before this time.

        Raises:
            InvalidInput: there is no such form, or a time has no zone.
        """
        from queuebit.charge_exports import FORMS

        if form not in FORMS:
            raise InvalidInput(f"charges are not exported as {form}: use one of {', '.join(FORMS)}")
        wanted = None if project is None else plain_name("project", project)
        begin, end = moment("since", since), moment("until", until)
        return self._access.export(form, project=wanted, since=begin, until=end)

    async def quotas(self, *, project: str | None = None) -> Table:
        """What is used and left of each quota of the tenant: active jobs, shots and QPU seconds in a window.

        Args:
            project: only those that a job of this project counts against.
        """
        return await self._ask("quotas", project=project)

    async def balances(self, *, project: str | None = None) -> Table:
        """What accounts and budgets have left: `limit`, `held`, `spent` and `left`, as the broker holds money by them.

        Args:
            project: the account of this project alone, and all budgets.
        """
        return await self._ask("balances", project=project)

    async def invoices(self, *, limit: int = 50) -> Table:
        """The tenant's invoices, newest first, each with its credits and with the reference of its document.

        Args:
            limit: how many rows, up to 500.
        """
        return await self._ask("invoices", limit=whole_number("limit", limit, 1, _MOST_INVOICES))

    async def invoice(self, number: str) -> tuple[Row, bytes]:
        """One invoice: its row as `invoices` has it, and its document, canonical JSON whose digest is checked.

        Args:
            number: such as `acme-2026-11`.

        Raises:
            NotFound: the tenant has no such invoice; whether another has it is not said.
        """
        from queuebit_contracts.wire import Payload

        found = next((it for it in await self.invoices(limit=_MOST_INVOICES) if it["number"] == number), None)
        if found is None:
            raise NotFound(f"there is no invoice {number[:128]} here: `qb invoice list` has all")
        return found, await self._payloads().get(Payload.model_validate(found["document"]))

    async def slo(self) -> Table:
        """Service levels: objectives and measured values."""
        return await self._ask("slo")

    async def audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 200,
    ) -> Table:
        """The audit trail of the tenant, newest first: who did what, when, why and from where. For auditors and admins.

        Args:
            action: a name such as `user.define`, a noun such as `user`, or what it is about, such as `roles`.
            actor: only of this person, service or public key.
            since: only what the log stored at this time or later.
            until: only what the log stored before this time.
            limit: how many records, up to 200; those before them are the ones `until` the oldest `stored_at`.

        Raises:
            InvalidInput: a time has no time zone, or the limit is out of range.
            Refused: the role may not read the audit trail.
        """
        begin, end = moment("since", since), moment("until", until)
        most = whole_number("limit", limit, 1, _MOST_RECORDS)
        return await self._ask("audit", action=action, actor=actor, since=begin, until=end, limit=most)

    async def inventory(self) -> Table:
        """The workload inventory: each project, who answers for it and for what, and what its jobs amount to."""
        return await self._ask("inventory")

    async def canaries(self) -> Table:
        """The canary that started last with each flag of the tenant: its state, and the values of both arms."""
        return await self._ask("canaries")

    async def waiting(self, *, states: Iterable[str] = WAITING, job: str | None = None) -> dict[str, str]:
        """Why jobs wait, by job; jobs of a service that does not answer are left out.

        Args:
            states: only of jobs in these states.
            job: only of the job with this id.
        """
        return await waiting_reasons(self._ask, states, job)

    def follow_waiting(self, job: str) -> AsyncGenerator[str, None]:
        """Why the job with this id waits, each time that changes, until the job ends."""
        return reasons_of(self.job(job).status, self.waiting)

    async def explain(self, job: str) -> Table:
        """Why a job was placed where it was: one row for each placement, oldest first.

        A row names what was compared and the rule that decided: the tenant's own usage and share, each backend that was
        considered with its cost rank, expected completion and success probability, and why the job did not go there.
        Of other tenants it has the rank alone. A placement that cannot be explained says why under `unexplained`.

        Args:
            job: its id.

        Raises:
            Refused: there is no such job, or it has no place yet.
        """
        return await self._ask("explain", job=plain_name("job", job))

    def events(self, job: str | None = None) -> AsyncGenerator[LoggedEvent, None]:
        """Events of the tenant's jobs from now on, as stored in the log.

        Args:
            job: follow only the job with this id.
        """
        from queuebit.events import follow

        return follow(self._transport, self.credential.tenant, None if job is None else plain_name("job", job))

    async def _ask(self, question: str, **asked: object) -> Table:
        for name in ("project", "tag", "session"):
            if asked.get(name) is not None:
                plain_name(name, asked[name])
        return await self._access.ask(question, **asked)

    def _log_client(self) -> LogClient:
        return self._access.log()

    def _payloads(self) -> Payloads:
        return self._access.payloads()
