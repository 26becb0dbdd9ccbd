"""A client that also knows why jobs wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from queuebit.client import AsyncClient
from queuebit.errors import QueuebitError

__all__ = ["WAITING", "Client"]

WAITING = {"submitted": "admission", "accepted": "waiting", "placed": "waiting", "started": "waiting"}
"""In which states a job waits, and what the service that it waits for is asked: the broker, then the scheduler."""
_PATIENCE_S = 1.0
_MOST = 1000


class Client(AsyncClient):
    """Asks those who have yet to decide on a job, or to place it."""

    async def __aenter__(self) -> Client:
        return self

    async def reasons(self, states: Iterable[str] = WAITING, job: str | None = None) -> dict[str, str]:
        """By job: why it waits, of jobs in these states; who does not answer now has none."""
        questions = sorted({WAITING[state] for state in states if state in WAITING})
        answers = await asyncio.gather(*(self._reasons(question, job) for question in questions))
        return {job: reason for answer in answers for job, reason in answer.items()}

    async def _reasons(self, question: str, one: str | None) -> dict[str, str]:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                rows = await self._ask(question, job=one, limit=_MOST)
        except (QueuebitError, TimeoutError):
            return {}
        return {(job := str(row["job"])): str(row["reason"]).removeprefix(f"job {job} ") for row in rows}
