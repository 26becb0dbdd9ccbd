"""The handle of one job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import suppress
from datetime import datetime

from queuebit.amounts import Amount
from queuebit.credentials import Credential
from queuebit.errors import StillRunning
from queuebit.inputs import one_line
from queuebit.job_events import FIRST_LOOK_S, JobEvents
from queuebit.log_client import Entry, LogClient
from queuebit.notebook import described_html
from queuebit.payloads import Payloads
from queuebit.permissions import permitted
from queuebit.records import ENDS, Receipt, Result, Status, Step
from queuebit.results import result_of
from queuebit.signing import UNSIGNED, proof_of
from queuebit.submission import annotations_of
from queuebit.wait_budget import WaitBudget
from queuebit.watch import Watch
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.job import JobCompleted, JobSealed, JobSealedV1, JobSubmitted
from queuebit_kernel import Money

__all__ = ["AsyncJob"]


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
        self._events = JobEvents(job, credential.tenant, log_client, watch)

    def __repr__(self) -> str:
        return f"<AsyncJob {self.id}>"

    def _repr_html_(self) -> str:
        return described_html(self.id, {"tenant": self._credential.tenant, "seen": ", ".join(self._events.known)})

    def was_submitted(self, submission: Entry, *, new: bool) -> None:
        """Set the known submission, so that a lagging replica does no harm.

        For a `new` job the subscriptions are older than the job: its first `until` need not read the log.
        """
        self._events.was_submitted(submission, new=new)

    async def status(self) -> Status:
        """The current status, with all events so far.

        Raises:
            NotFound: the tenant has no such job.
        """
        return await self._events.status()

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
        return await self._events.until(events, timeout)

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
            raise await self._events.no_result()
        return result_of(ended.data, await self._payloads.get(ended.data.result))

    async def cancel(self, reason: str = "", timeout: float = 10.0) -> Status:
        """Request cancellation, wait for the end, and return the status; an ended job does not change.

        Args:
            reason: stored with the cancellation, up to 200 characters.
            timeout: seconds to wait for the end.

        Raises:
            NotFound: the tenant has no such job.
            Refused: the user's role does not permit it.
            StillRunning: the job belongs to another user, or did not end in time.
        """
        status = await self.status()
        if status.ended:
            return status
        draft = CancelRequest(
            tenant=self._credential.tenant, job=self.id, reason=one_line("reason", reason, 200), proof=UNSIGNED
        )
        content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
        request = draft.model_copy(
            update={"proof": proof_of(content, self._credential.seed, self._credential.delegation)}
        )
        await self._watch.start(ENDS)
        with permitted(self._credential, "cancel jobs"):
            await self._log_client.append(CancelJob(source="qb/client", data=request))
        try:
            return await self.wait(timeout)
        except StillRunning as error:
            raise StillRunning(
                f"job {self.id} was not stopped in {timeout:g} s: you may cancel your own jobs, an admin any"
            ) from error

    async def rerun(self, *, max_cost: Amount | None = None) -> AsyncJob:
        """Run the same work again, as a job of its own that names this one; a repeated call returns the same job.

        Its project's account and budgets pay it like any other job. To repeat the repetition, call it on that job.

        Args:
            max_cost: refuse it if it could cost more; default: that of this job.

        Raises:
            NotFound: the tenant has no such job.
            StillRunning: this job has not ended.
            Refused: the user's role does not permit it.
        """
        from queuebit.sending import Sender  # it imports this module

        status = await self.status()
        if not status.ended:
            raise StillRunning(f"job {self.id} is {status.state}: wait for its end, then run it again")
        submitted = await self.until(("submitted",))
        if not isinstance(submitted, JobSubmitted):
            raise TypeError(f"the log holds a {submitted.type} where a submission belongs")
        sender = Sender(self._credential, self._log_client, self._watch, self._payloads)
        return await sender.rerun(submitted.data, max_cost)

    async def charge(self, timeout: float | None = 10.0) -> Money:
        """Wait for the bill, which follows the end shortly, and return the newest charge; 0 for a refused job.

        `Status.provisional` says whether it waits for usage that is not final.

        Raises:
            NotFound: the tenant has no such job.
            StillRunning: the job is not billed in `timeout` seconds.
        """
        await self.until(("metered",), timeout)
        if (charge := (await self.status()).charge) is None:
            raise TypeError(f"job {self.id} is metered without a charge")
        return charge

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
        if not self._events.known:
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
        if not self._events.known:
            await self.status()
        return await annotations_of(await self.until(("submitted",)), self._payloads)

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Past events, then new ones, until the job is sealed."""
        seen: set[tuple[str, datetime]] = set()
        moved = asyncio.Event()
        stop = await self._watch.follow(self.id, moved)
        try:
            while True:
                moved.clear()
                for step in (await self.status()).steps:
                    if (step.event, step.at) not in seen:
                        seen.add((step.event, step.at))
                        yield step
                if any(event == "sealed" for event, _ in seen):
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(FIRST_LOOK_S):
                        await moved.wait()
        finally:
            await stop()
