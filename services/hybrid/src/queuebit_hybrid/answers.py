"""Answers before a hybrid job is submitted: the key to grant, and whether it could run."""

from __future__ import annotations

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Reason
from queuebit_hybrid.running import Runner
from queuebit_kernel import Malformed

__all__ = ["Answers"]


class Answers:
    """What clients ask before they submit."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def key(self, tenant: str, question: Question) -> Answer:
        """The public key of a hybrid job to come; the same for the same id, for ever."""
        if question.job is None:
            raise Malformed('name the hybrid job: {"job": "h…"}')
        if (refusal := self._runner.refusal()) is not None:
            return Answer(error=Reason(code=refusal.reason, text=str(refusal)))
        return Answer(rows=[{"hybrid": question.job, "key": self._runner.keys.public(tenant, question.job)}])
