"""Why jobs wait: asks the broker about jobs not decided yet, and the scheduler about jobs not placed yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping

from queuebit.errors import QueuebitError
from queuebit.records import Status, Table
from queuebit_contracts.lifecycle import STATES, TERMINAL

__all__ = ["WAITING", "changing_reasons", "reasons_of", "waiting_reasons"]

WAITING: Mapping[str, str] = {
    state: "admission" if state == "submitted" else "waiting" for state in STATES if state not in TERMINAL
}
"""By state of a waiting job: the query for its reason; the broker answers `admission`, the scheduler `waiting`."""
_TIMEOUT_S = 1.0
_MOST = 1000
_LASTING_S = 1.5
"""The shortest wait that is mentioned."""


async def waiting_reasons(
    query: Callable[..., Awaitable[Table]], states: Iterable[str], job: str | None
) -> dict[str, str]:
    """Reasons by job, of jobs in these states; a service that does not answer in a second adds none."""

    async def ask(name: str) -> dict[str, str]:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                rows = await query(name, job=job, limit=_MOST)
        except (QueuebitError, TimeoutError):
            return {}
        return {(it := str(row["job"])): str(row["reason"]).removeprefix(f"job {it} ") for row in rows}

    answers = await asyncio.gather(*map(ask, sorted({WAITING[state] for state in states if state in WAITING})))
    return {name: reason for answer in answers for name, reason in answer.items()}


async def changing_reasons(now: Callable[[], Awaitable[str | None]]) -> AsyncGenerator[str, None]:
    """Why a job waits, each time that changes; what passes at once is not mentioned.

    Args:
        now: the present reason; empty while it does not wait, None once it ended.
    """
    said = ""
    await asyncio.sleep(_LASTING_S)
    while (reason := await now()) is not None:
        if reason not in ("", said):
            yield reason
        said = reason
        await asyncio.sleep(_LASTING_S)


def reasons_of(
    status: Callable[[], Awaitable[Status]], waiting: Callable[..., Awaitable[dict[str, str]]]
) -> AsyncGenerator[str, None]:
    """The same for one job, of which `status` reads the status; `waiting` is `Client.waiting`."""

    async def now() -> str | None:
        seen = await status()
        return None if seen.ended else (await waiting(states=[seen.state], job=seen.job)).get(seen.job, "")

    return changing_reasons(now)
