"""The usual wait for a backend, from the newest jobs."""

from __future__ import annotations

import pytest

from queuebit.errors import QueuebitError
from queuebit.waits import UsualWait, recent_jobs, usual_waits


def test_each_figure_is_that_of_the_jobs_of_one_backend() -> None:
    jobs: list[dict[str, object]] = [{"backend": "aer", "queue_wait_ms": it} for it in (400, 100, 300, 200)]
    jobs += [{"backend": "cirq", "queue_wait_ms": 7}, {"backend": "cirq", "queue_wait_ms": None}, {"backend": None}]
    assert usual_waits(jobs) == {"aer": UsualWait(250, 100, 400, 4), "cirq": UsualWait(7, 7, 7, 1)}


def test_eight_of_ten_jobs_waited_within_the_interval() -> None:
    found = usual_waits([{"backend": "aer", "queue_wait_ms": it} for it in range(1, 101)])["aer"]
    assert (found.low_ms, found.high_ms) == (10, 90)


@pytest.mark.asyncio
async def test_a_warehouse_that_does_not_answer_leaves_the_waits_out() -> None:
    class Silent:
        async def jobs(self, *, limit: int, until: object) -> list[dict[str, object]]:
            del until
            raise QueuebitError(f"no answer about {limit} jobs")

    assert await recent_jobs(Silent()) == ()  # type: ignore[arg-type]  # asks for nothing else
