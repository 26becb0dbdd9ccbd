"""What reaches the handler."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_contracts.job import Ended, JobUsageReported
from queuebit_kernel import Malformed
from queuebit_metering.routes import routes
from queuebit_testing.build import submitted
from queuebit_testing.routes import SEQUENCE, in_memory

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"


async def no_correction(event: JobUsageReported, sequence: int) -> None:
    raise AssertionError("nothing was reported")


@pytest.mark.parametrize("end", ["completed", "failed", "rejected", "cancelled", "expired"])
async def test_every_end_of_a_job_is_metered(end: str) -> None:
    metered: list[str] = []

    async def meter(event: Ended, *, again: bool) -> None:
        metered.append(event.type)

    body = next((EXAMPLES / f"qb.job.{end}.v1").glob("*.json")).read_bytes()
    async with in_memory(routes(meter, no_correction, workers=4)) as broker:  # type: ignore[arg-type]  # functions for handlers
        await broker.request(body, "qb.replay.metering-ended")
        with pytest.raises(Malformed):
            await broker.request(submitted().to_bytes(), "qb.replay.metering-ended")
    assert metered == [f"qb.job.{end}.v1"]


async def test_usage_that_comes_later_reaches_the_correction_with_its_place_in_the_log() -> None:
    corrected: list[tuple[str, int]] = []

    async def no_bill(event: Ended, *, again: bool) -> None:
        raise AssertionError("no job ended")

    async def correct(event: JobUsageReported, sequence: int) -> None:
        corrected.append((event.type, sequence))

    body = next((EXAMPLES / "qb.job.usage_reported.v1").glob("*.json")).read_bytes()
    async with in_memory(routes(no_bill, correct, workers=4)) as broker:  # type: ignore[arg-type]  # functions for handlers
        await broker.request(body, "qb.replay.metering-reported")
        with pytest.raises(Malformed):
            await broker.request(submitted().to_bytes(), "qb.replay.metering-reported")
    assert corrected == [("qb.job.usage_reported.v1", SEQUENCE)]
