"""Explains placements to the tenant of the job."""

from __future__ import annotations

from pydantic import JsonValue

from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import Reason
from queuebit_kernel import rfc3339
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import Missing
from queuebit_scheduler.ports import DecisionStore
from queuebit_scheduling import Unexplained, explain_stored

__all__ = ["ExplainJob"]

_Row = dict[str, JsonValue]


class ExplainJob:
    """Recomputes the decisions about a job; of other tenants it reveals only the rank."""

    def __init__(self, log: EventLog, decisions: DecisionStore) -> None:
        self._log = log
        self._decisions = decisions

    async def __call__(self, tenant: str, question: Question) -> Answer:
        """One row for each placement of the job, oldest first.

        Raises:
            Unavailable: the log or the payload store does not answer.
        """
        if question.job is None:
            return _no("bad_question", "an explanation is of one job: give its id")
        history = await self._log.history(job_aggregate(tenant, question.job))
        if not history:
            return _no("not_found", f"there is no job {question.job}: `qb jobs` lists what there is")
        placements = [it.event for it in history if isinstance(it.event, JobPlaced)]
        if not placements:
            return _no("not_placed", f"{question.job} has no place: `qb job show {question.job}` says how it stands")
        return Answer(rows=tuple([await self._row(it) for it in placements]))

    async def _row(self, placed: JobPlaced) -> _Row:
        data = placed.data
        about: _Row = {"job": data.job, "backend": data.backend, "policy": data.policy, "at": rfc3339(placed.time)}
        if data.decision is None:
            return {**about, "unexplained": "the version that placed it did not keep what it decided from"}
        try:
            content = await self._decisions.read(data.decision)
            found = explain_stored(content, (data.tenant, data.job), data.backend).document(data.tenant)
        except (Missing, Unexplained) as error:
            return {**about, "unexplained": str(error)}
        return found if data.shared_device is None else {**found, "shared_device": data.shared_device}


def _no(code: str, text: str) -> Answer:
    return Answer(error=Reason(code=code, text=text))
