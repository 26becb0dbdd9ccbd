"""Receipts that follow a correction of a bill: the first one stays, the next one names it."""

from __future__ import annotations

from typing import Any

import pytest

from queuebit_contracts.job import Charge, Correction, JobCorrected, JobMetered, JobSealed, Measure, Seal
from queuebit_contracts.usage import usage_of
from queuebit_kernel import Superseded, Unavailable, digest
from queuebit_proof import KeyRing, Verified, verify
from queuebit_provenance.handlers import AttestJob
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.state import Leaf
from queuebit_testing.memory import MemoryLog

from .attesting import ReceiptOf
from .conftest import LedgerOf
from .job_lives import Life

TIME = {"metric": "qpu-time", "unit": "microsecond"}
LATE = usage_of(Measure(**TIME, quantity="0", final=False))
FINAL = usage_of(Measure(**TIME, quantity="2150"))
CHARGE = Charge(amount="0.000043", currency="USD", jbu="0")


class AtOnce:
    """Seals each attestation in a batch of its own."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def seal(self, leaf: Leaf) -> None:
        await self._ledger.append([leaf])


def corrected(revision: int) -> JobCorrected:
    data = Correction(
        tenant="acme",
        project="chemistry",
        job="j1",
        revision=revision,
        report=revision,
        usage=FINAL,
        charge=CHARGE,
        delta=CHARGE,
        reason="late",
        final=True,
        price_book=digest(b"book"),
    )
    return JobCorrected(source="qb/metering", data=data)


@pytest.fixture
def attest(log: MemoryLog, ledger_of: LedgerOf) -> AttestJob:
    return AttestJob(log, AtOnce(ledger_of()), salt=lambda: bytes(16), software="queuebit 0.1.0")


@pytest.fixture
async def metered(log: MemoryLog, life: Life) -> JobMetered:
    """The bill of a job whose usage may still change."""
    *before, bill = life("j1")
    assert isinstance(bill, JobMetered)
    bill = bill.model_copy(update={"data": bill.data.model_copy(update={"usage": LATE, "final": False})})
    for event in (*before, bill):
        await log.append(event)
    return bill


def predicate(verified: Verified) -> dict[str, Any]:  # a JSON object
    found = verified.statement["predicate"]
    assert isinstance(found, dict)
    return found


async def test_each_correction_gets_a_receipt_that_names_the_one_before(
    log: MemoryLog, keys: KeyRing, attest: AttestJob, metered: JobMetered, receipt_of: ReceiptOf
) -> None:
    async def verified(seal: Seal) -> Verified:
        return verify(await receipt_of(seal), keys.trust, tenant="acme", job="j1")

    await attest(metered, len(log.stored))
    for revision in (1, 2):
        event = corrected(revision)
        await attest(event, await log.append(event))
    first, second, third = (it.data for it in log.events(JobSealed))
    assert [it.revision for it in (first, second, third)] == [None, 1, 2]
    assert (first.supersedes, second.supersedes, third.supersedes) == (None, first.statement, second.statement)
    assert [it.leaf_index for it in (first, second, third)] == [0, 1, 2]
    assert predicate(await verified(first))["usage"] == [{**TIME, "quantity": "0", "final": False}]
    assert predicate(await verified(second))["usage"] == [{**TIME, "quantity": "2150"}]
    assert predicate(await verified(second))["supersedes"] == (await verified(second)).supersedes == first.statement
    assert first.statement in (await verified(second)).checks[2].sentence
    assert (await verified(first)).supersedes is None, "it stays true as what was known then"


async def test_a_correction_waits_for_the_receipt_that_it_supersedes(
    log: MemoryLog, attest: AttestJob, metered: JobMetered
) -> None:
    event = corrected(1)
    sequence = await log.append(event)
    with pytest.raises(Unavailable, match="no receipt yet"):
        await attest(event, sequence)
    await attest(metered, sequence)
    await attest(event, sequence)
    assert [it.data.revision for it in log.events(JobSealed)] == [None, 1]


async def test_a_correction_that_is_delivered_again_gets_no_further_receipt(
    log: MemoryLog, attest: AttestJob, metered: JobMetered
) -> None:
    await attest(metered, len(log.stored))
    event = corrected(1)
    sequence = await log.append(event)
    await attest(event, sequence)
    for again in (event, metered):
        with pytest.raises(Superseded):
            await attest(again, sequence)
    assert len(log.events(JobSealed)) == 2
