"""The handle of one job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import suppress
from datetime import datetime

from queuebit.credentials import Credential
from queuebit.errors import JobFailed, NotFound, QueuebitError, Reason, Refused, StillRunning, Unreachable
from queuebit.inputs import one_line
from queuebit.log_client import Entry, LogClient, entry_of
from queuebit.notebook import described_html
from queuebit.payloads import Payloads
from queuebit.permissions import permitted
from queuebit.records import ENDS, Receipt, Result, Status, Step
from queuebit.results import items_of
from queuebit.signing import UNSIGNED, proof_of
from queuebit.status import status_of, waiting_for
from queuebit.submission import annotations_of
from queuebit.wait_budget import WaitBudget
from queuebit.watch import QUALIFIED, Watch
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.job import JobCompleted, JobSealed, JobSealedV1, JobSubmitted
from queuebit_contracts.lifecycle import STATES
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_runtime.lag import LAG_S, read_past_lag

__all__ = ["AsyncJob"]

_logger = logging.getLogger("queuebit")

_FIRST_LOOK_S, _LAST_LOOK_S = 3.0, 5.0
"""How long to wait for a live event before reading the log; grows from the first to the last value."""
_LOOKS_S = LAG_S[:4]
"""Pauses between searches for a job: a replica may not have it yet. Short, because there may be no such job."""


class AsyncJob:
    """A handle of a job: cheap to create, usable while its client is open."""

    def __init__(
        self, job: str, credential: Credential, log_client: LogClient, watch: Watch, payloads: Payloads
    ) -> None:
        self.id = job
        self._credential = credential
        self._log_client = log_client
        self._watch = watch
        self._payloads = payloads
        self._signal = watch.signal(job)
        self._live: set[str] = set()
        """The names of events that this handle cannot have missed since there were `_gaps` gaps."""
        self._gaps = self._signal.gaps
        self._known: dict[str, Entry] = {}

    def __repr__(self) -> str:
        return f"<AsyncJob {self.id}>"

    def _repr_html_(self) -> str:
        return described_html(self.id, {"tenant": self._credential.tenant, "seen": ", ".join(self._known)})

    def was_submitted(self, submission: Entry, *, new: bool) -> None:
        """Set the known submission, so that a lagging replica does no harm.

        For a `new` job the subscriptions are older than the job: its first `until` need not read the log.
        """
        self._known["submitted"] = submission
        if new:
            self._live = {*self._watch.names}

    async def status(self) -> Status:
        """The current status, with all events so far.

        Raises:
            NotFound: the tenant has no such job.
        """

        async def known() -> Status | None:
            entries = (*self._known.values(), *await self._log_client.history(self.id))
            found = {it.event.id: it for it in entries if not isinstance(it.event, UnknownEvent)}
            history = sorted(found.values(), key=lambda it: it.sequence)
            submitted = next((it.event for it in history if isinstance(it.event, JobSubmitted)), None)
            return None if submitted is None else status_of(submitted.data, history)

        if (status := await read_past_lag(known, _LOOKS_S)) is not None:
            return status
        raise NotFound(f"{self._credential.tenant} has no job {self.id}: `qb jobs` lists jobs")

    async def until(self, events: Collection[str], timeout: float | None = None) -> AnyEvent:
        """Wait for the first of some events, such as `("metered",)`, and return it.

        A long wait logs its reason as warnings of the logger `queuebit`; it survives a restart of the server.

        Raises:
            StillRunning: none of them happened in `timeout` seconds.
            Refused: the job was rejected before any of them.
            JobFailed: it failed or was cancelled before any of them.
            NotFound: the tenant has no such job, or it was completed without any of them.
            Unreachable: the stack did not answer for half a minute, or at the timeout.
        """
        budget = WaitBudget(asyncio.get_running_loop().time, timeout)
        await self._watch.start(events)
        look, pause = self._missed(events), _FIRST_LOOK_S
        while True:
            changes = self._signal.changes
            try:
                if (event := self._received(events) or await self._first(look)) is not None:
                    return event
                if pause > _FIRST_LOOK_S:
                    await self._require_possible(events)
                budget.answered()
            except Unreachable as error:
                if budget.lost():
                    raise Unreachable(f"job {self.id} continues when the stack is up again: {error}") from error
            if budget.explain_now():
                _logger.warning("job %s: still waiting after %.0f s: %s", self.id, budget.waited, await self._now())
            if (left := budget.next(pause)) <= 0:
                why = await self._now()
                with suppress(Unreachable):
                    if (event := await self._first(events)) is not None:  # otherwise `why` would contradict the error
                        return event
                missing = "ended" if set(events) == set(ENDS) else f"been {' or '.join(events)}"
                after = f" after {timeout:g} s" if timeout else ""
                raise StillRunning(f"job {self.id} has not {missing}{after}: {why}; it continues")
            try:
                async with asyncio.timeout(left):
                    await self._signal.wait(changes)
                look = self._missed(events)
            except TimeoutError:
                look, pause = set(events), min(pause * 2, _LAST_LOOK_S)

    async def wait(self, timeout: float | None = None) -> Status:
        """Wait for any end of the job, and return its status."""
        await self.until(ENDS, timeout)
        return await self.status()

    async def result(self, timeout: float | None = None) -> Result:
        """Wait for the result.

        Raises:
            Refused: the job was rejected; `reasons` holds all of them.
            JobFailed: it failed or was cancelled.
            StillRunning: it did not end in `timeout` seconds.
        """
        ended = await self.until(ENDS, timeout)
        if not isinstance(ended, JobCompleted):
            raise await self._no_result()
        done = ended.data
        items = items_of(await self._payloads.get(done.result), done.result.media_type, done.shots)
        counts = (items[0].counts or {}) if len(items) == 1 else {}
        return Result(self.id, done.backend, done.shots, counts, done.result.digest, items)

    async def cancel(self, reason: str = "", timeout: float = 10.0) -> Status:
        """Request cancellation, wait for the end, and return the status; an ended job does not change.

        Args:
            reason: stored with the cancellation, up to 200 characters.
            timeout: seconds to wait for the end.

        Raises:
            NotFound: the tenant has no such job.
            Refused: the user is a viewer.
            StillRunning: the job belongs to another user, or did not end in time.
        """
        status = await self.status()
        if status.ended:
            return status
        draft = CancelRequest(
            tenant=self._credential.tenant, job=self.id, reason=one_line("reason", reason, 200), proof=UNSIGNED
        )
        content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
        request = draft.model_copy(update={"proof": proof_of(content, self._credential.seed)})
        await self._watch.start(ENDS)
        with permitted(self._credential, "cancel jobs"):
            await self._log_client.append(CancelJob(source="qb/client", data=request))
        try:
            return await self.wait(timeout)
        except StillRunning as error:
            raise StillRunning(
                f"job {self.id} was not stopped in {timeout:g} s: you may cancel your own jobs, an admin any"
            ) from error

    async def receipt(self, timeout: float | None = 10.0) -> Receipt:
        """Wait until the job is sealed, and return its newest receipt, signed on request.

        A correction of the bill gives a job another receipt, which supersedes the one before. Each request returns
        other signatures of the same statement.

        Raises:
            NotFound: the tenant has no such job.
            StillRunning: it is not sealed yet; a job is sealed shortly after it ended.
            Refused: the receipt cannot be signed; the reason says why.
            Unreachable: the stack does not answer.
        """
        budget = WaitBudget(asyncio.get_running_loop().time, timeout)
        if not self._known:
            await self.status()
        sealed = await self.until(("sealed",), timeout)
        if not isinstance(sealed, JobSealed | JobSealedV1):
            raise TypeError(f"the log holds a {sealed.type} where a seal belongs")
        seal = await self._log_client.newest_seal(sealed.data)
        return Receipt(
            self.id,
            seal.statement,
            seal.leaf_index,
            seal.tree_size,
            await self._log_client.receipt(seal, budget),
            seal.revision or 0,
            seal.supersedes,
        )

    async def annotations(self) -> Mapping[str, object]:
        """The annotations of its program, as `Batch` takes them; empty for a single circuit."""
        if not self._known:
            await self.status()
        return await annotations_of(await self.until(("submitted",)), self._payloads)

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Past events, then new ones, until the job is sealed."""
        seen: set[tuple[str, datetime]] = set()
        moved = asyncio.Event()
        stop = await self._watch.follow(self.id, moved)
        try:
            while all(event != "sealed" for event, _ in seen):
                moved.clear()
                for step in (await self.status()).steps:
                    if (step.event, step.at) not in seen:
                        seen.add((step.event, step.at))
                        yield step
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FIRST_LOOK_S):
                        await moved.wait()
        finally:
            await stop()

    async def _now(self) -> str:
        """What the job waits for; raise `NotFound` for a missing job."""
        try:
            return waiting_for(await self.status())
        except Unreachable as error:
            return str(error)

    def _missed(self, events: Collection[str]) -> set[str]:
        """Those of the events that may have happened unnoticed; from now on the others include them."""
        if self._gaps != self._signal.gaps:
            self._live, self._gaps = set(), self._signal.gaps
        missed = {*events} - self._live
        self._live |= missed
        return missed

    def _received(self, events: Collection[str]) -> AnyEvent | None:
        """The first of the events that is known already, or that a live message brought."""
        for name in events:
            if name not in self._known and (message := self._signal.messages.get(name)) is not None:
                try:
                    self._known[name] = entry_of(message)
                except Malformed as error:
                    _logger.warning("job %s: a live message is ignored: %s", self.id, error)
                    del self._signal.messages[name]
            if name in self._known:
                return self._event(name)
        return None

    async def _first(self, events: Collection[str]) -> AnyEvent | None:
        """The first of the events that the log has."""

        async def read(name: str) -> None:
            if (entry := await self._log_client.newest(self.id, name, qualified=name in QUALIFIED)) is not None:
                self._known[name] = entry
                self._signal.notify()  # others may wait on this handle

        await asyncio.gather(*map(read, events))
        return next((self._event(name) for name in events if name in self._known), None)

    async def _require_possible(self, events: Collection[str]) -> None:
        """Raise if the job has ended, and only its bill and its receipt can follow."""
        before_end = {*ENDS}.isdisjoint(events) and {*STATES}.issuperset(events)
        if before_end and (status := await self.status()).ended and await self._first(events) is None:
            if status.state == "completed":
                raise NotFound(f"job {self.id} is completed, and was never {' or '.join(events)}")
            raise await self._no_result()

    def _event(self, name: str) -> AnyEvent:
        event = self._known[name].event
        if isinstance(event, UnknownEvent):
            raise NotFound(f"{event.subject} holds a {event.type}: upgrade queuebit to read it")
        return event

    async def _no_result(self) -> QueuebitError:
        status = await self.status()
        if status.state == "rejected":
            return Refused(status.reasons, job=self.id)
        return JobFailed(self.id, next(iter(status.reasons), Reason(status.state, f"the job is {status.state}")))
