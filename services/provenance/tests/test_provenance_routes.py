"""What reaches the handler."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_contracts.job import JobCorrected, JobMetered
from queuebit_kernel import Malformed
from queuebit_provenance.routes import routes
from queuebit_testing.build import submitted
from queuebit_testing.routes import SEQUENCE, in_memory

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
METERED = (EXAMPLES / "qb.job.metered.v1" / "bell-on-torino.json").read_bytes()


@pytest.mark.parametrize(("body", "reached"), [(METERED, True), (submitted().to_bytes(), False)])
async def test_bills_alone_are_attested(body: bytes, reached: bool) -> None:
    attested: list[tuple[str, int]] = []

    async def attest(event: JobMetered | JobCorrected, sequence: int) -> None:
        attested.append((event.type, sequence))

    async with in_memory(routes(attest, workers=4)) as broker:  # type: ignore[arg-type]  # a function for the handler
        if not reached:
            with pytest.raises(Malformed):
                await broker.request(body, "qb.job.acme.j1.metered")
        else:
            await broker.request(body, "qb.job.acme.j1.metered")
    assert attested == ([("qb.job.metered.v1", SEQUENCE)] if reached else [])


async def test_a_correction_of_a_bill_is_attested() -> None:
    attested: list[tuple[str, int]] = []

    async def attest(event: JobMetered | JobCorrected, sequence: int) -> None:
        attested.append((event.type, sequence))

    body = next((EXAMPLES / "qb.job.corrected.v1").glob("*.json")).read_bytes()
    async with in_memory(routes(attest, workers=4)) as broker:  # type: ignore[arg-type]  # a function for the handler
        await broker.request(body, "qb.replay.provenance-corrected")
    assert attested == [("qb.job.corrected.v1", SEQUENCE)]
