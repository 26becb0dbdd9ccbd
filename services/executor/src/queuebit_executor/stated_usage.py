"""Takes the usage of a job from the operator, where its backend never states it."""

from __future__ import annotations

from queuebit_contracts import subjects
from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import UsageAnswer, UsageRequest
from queuebit_contracts.usage import is_final, usage_of
from queuebit_executor import events
from queuebit_executor.errors import NotOwed
from queuebit_executor.instance import Instance
from queuebit_executor.state import recall
from queuebit_kernel import event_id
from queuebit_runtime.log import EventLog

__all__ = ["StateUsage"]


class StateUsage:
    """Appends `usage_reported` for a job that any executor ran, whether its stack is still installed or not."""

    def __init__(self, log: EventLog, *, me: Instance) -> None:
        self._log = log
        self._me = me

    async def __call__(self, request: UsageRequest) -> UsageAnswer:
        """Report the usage, which metering then bills.

        Raises:
            NotOwed: the job has not ended after a run, its usage is final, or what is stated is not.
            Stale: the job's history changed at the same time.
        """
        job, usage = subjects.job(request.tenant, request.job), usage_of(*request.measures)
        history = await self._log.history(job)
        past, placements = recall(history), [it.event for it in history if isinstance(it.event, JobPlaced)]
        if not placements or past.attempt is None or not past.ended:
            raise NotOwed(
                f"job {request.job} has not ended after a run: `qb job show {request.job}` says how it stands"
            )
        if past.usage_final:
            raise NotOwed(f"the usage of job {request.job} is final: nothing is owed")
        if not is_final(usage):
            raise NotOwed("only final usage can be stated: leave `final` out of each measure")
        report = events.usage_reported(
            self._me,
            placements[-1],
            backend=placements[-1].data.backend,
            attempt=past.attempt.number,
            revision=past.reports + 1,
            usage=usage,
            reason=f"stated by {request.by}",
        )
        own = event_id("usage_stated", request.tenant, request.job, str(past.reports + 1))
        await self._log.append(report.model_copy(update={"id": own}), after=past.tail, guard=job.everything)
        return UsageAnswer(revision=past.reports + 1)
