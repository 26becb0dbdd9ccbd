"""Answers: the key of a hybrid job to come, and whether it could run; and the newest hybrid jobs."""

from __future__ import annotations

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Reason
from queuebit_hybrid.rows import Rows
from queuebit_hybrid.running import Runner
from queuebit_kernel import Malformed

__all__ = ["Answers"]


class Answers:
    """What clients ask."""

    def __init__(self, runner: Runner, rows: Rows) -> None:
        self._runner = runner
        self._rows = rows

    async def newest(self, tenant: str, question: Question) -> Answer:
        """The newest hybrid jobs of a tenant."""
        return Answer(rows=tuple(self._rows.newest(tenant, question.limit, question.project)))

    async def key(self, tenant: str, question: Question) -> Answer:
        """The public key of a hybrid job to come; the same for the same id, for ever."""
        if question.job is None:
            raise Malformed('name the hybrid job: {"job": "h…"}')
        if (refusal := self._runner.refusal()) is not None:
            return Answer(error=Reason(code=refusal.reason, text=str(refusal)))
        return Answer(rows=({"hybrid": question.job, "key": self._runner.keys.public(tenant, question.job)},))
