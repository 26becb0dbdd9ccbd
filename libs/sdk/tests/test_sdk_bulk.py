"""Several jobs at once: what becomes of each, whatever happens to the others or to the stack."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from queuebit import AsyncClient
from queuebit.bulk import BulkSubmission, Outcome, Wanted
from queuebit.documents import counts_document, reasons_document, receipt_document, status_document
from queuebit.errors import Conflict, Reason, StillRunning, Unreachable
from queuebit.records import Estimate, ItemResult, Receipt, Result, Status
from queuebit_kernel import Money
from queuebit_proof import KeyRing


class OneJob:
    """A job in a fixed state, whose wait ends or is too short."""

    def __init__(self, job: str, state: str, *, wait: Exception | None = None) -> None:
        self.id, self._state, self._wait = job, state, wait

    async def until(self, events: Collection[str], timeout: float | None = None) -> None:
        if self._wait:
            raise self._wait

    async def receipt(self, timeout: float | None = None) -> Receipt:
        if self._wait or self._state != "completed":
            raise StillRunning(f"job {self.id} has not been sealed")
        return Receipt(self.id, "sha256:1", 3, 4, b"{}")

    async def status(self) -> Status:
        reasons = (Reason("quota", "no money"),) if self._state == "rejected" else ()
        return Status(self.id, self._state, "acme", "main", 10, "", "aer", reasons)

    async def result(self) -> Result:
        return Result(self.id, "aer", 10, {"0": 10}, "sha256:0")


class Platform:
    """A client whose jobs are named by their circuits."""

    def __init__(self, **jobs: OneJob | Exception) -> None:
        self._jobs = jobs

    async def submit(self, circuit: str, **_: object) -> OneJob:
        found = self._jobs[circuit]
        if isinstance(found, Exception):
            raise found
        return found

    async def waiting(self, **_: object) -> dict[str, str]:
        return {"late": "no slot is free"}


async def outcomes(platform: Platform, *names: str, **options: Any) -> tuple[BulkSubmission, list[Outcome]]:
    bulk = BulkSubmission(cast("AsyncClient", platform), **options)
    return bulk, await bulk.run([Wanted(name, {}) for name in names])


async def test_each_job_has_an_outcome_in_the_order_it_was_asked_for() -> None:
    platform = Platform(
        good=OneJob("good", "completed"),
        poor=OneJob("poor", "rejected"),
        late=OneJob("late", "placed", wait=StillRunning("job late has not ended after 1 s")),
        same=Conflict("the key names another job"),
    )
    bulk, found = await outcomes(platform, "late", "good", "same", "poor", wait=True, timeout=1)
    assert [(it.state, it.job) for it in found] == [
        ("placed", "late"),
        ("completed", "good"),
        ("refused", None),
        ("rejected", "poor"),
    ]
    late, good, same, poor = found
    assert late.late == "job late has not ended after 1 s (no slot is free)"
    assert [it.code for it in late.reasons] == ["still_running"]
    assert (good.result is not None, good.receipt is not None, good.verified, good.late) == (True, True, None, "")
    assert [it.code for it in same.reasons] == ["conflict"]
    assert poor.reasons == (Reason("quota", "no money"),)
    assert sorted(bulk.confirmed) == ["good", "late", "poor"]


async def test_a_job_that_ended_during_a_wait_that_was_too_short_has_its_result() -> None:
    _, (found,) = await outcomes(Platform(a=OneJob("a", "completed", wait=StillRunning("too short"))), "a", wait=True)
    assert (found.late, found.reasons) == ("", ())
    assert found.result is not None


@pytest.mark.parametrize("confirmed", [False, True])
async def test_a_stack_that_goes_away_leaves_the_outcome_open(confirmed: bool) -> None:
    away = Unreachable("no answer")
    job = OneJob("a", "placed", wait=away) if confirmed else away
    bulk, (found,) = await outcomes(Platform(a=job), "a", wait=True)
    assert (found.state, found.job) == (("submitted", "a") if confirmed else ("unconfirmed", None))
    assert (found.away, [it.code for it in found.reasons]) == ("no answer", ["unreachable"])
    assert bulk.confirmed == (["a"] if confirmed else [])


async def test_a_receipt_that_does_not_hold_is_part_of_the_outcome(tmp_path: Path) -> None:
    trust, platform = tmp_path / "trust.json", Platform(a=OneJob("a", "completed"))
    _, (unknown,) = await outcomes(platform, "a", wait=True, trust=trust)
    ring = KeyRing.open(tmp_path / "keys", "queuebit.example/log", datetime(2026, 1, 1, tzinfo=UTC))
    trust.write_bytes(ring.trust.to_bytes())
    _, (wrong,) = await outcomes(platform, "a", wait=True, trust=trust)
    assert (unknown.verified, wrong.verified) == (None, False)


def test_documents_have_exact_amounts_and_every_item() -> None:
    status = Status("j", "completed", "acme", "main", 10, "", steps=(), charge=Money.of("0.1"))
    assert status_document(status)["charge"] == {"amount": "0.10", "currency": "USD"}
    assert reasons_document((Reason("quota", "no money"),)) == [{"code": "quota", "text": "no money"}]
    assert (receipt_document(None, None), counts_document(None)) == (None, {"counts": None})
    single = Result("j", "aer", 1, {"0": 1}, "sha256:0", (ItemResult(0, "completed", counts={"0": 1}),))
    ends = {"0": [pytest.approx(0.2065, abs=1e-4), 1.0]}
    assert counts_document(single) == {
        "counts": {"0": 1},
        "uncertainty": {"method": "wilson", "level": "0.95", "intervals": ends},
    }
    estimated = ItemResult(0, "completed", expectations=(Estimate(0.5, 0.1),), shots=5)
    assert counts_document(Result("j", "aer", 1, {}, "sha256:0", (estimated,))) == {
        "counts": None,
        "items": [
            {
                "number": 0,
                "state": "completed",
                "expectations": ({"value": 0.5, "stderr": 0.1, "observable": None},),
                "shots": 5,
            }
        ],
    }
