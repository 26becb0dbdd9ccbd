"""Usage that came late: its corrections add up, a provisional hold is counted, and each break is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit_audit.lifecycle import Outstanding
from queuebit_contracts.account import AccountCorrected, AccountSettled, Adjustment
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Charge,
    Correction,
    JobCompleted,
    JobCorrected,
    JobMetered,
    JobSealed,
    JobUsageReported,
    Seal,
    Usage,
    UsageReport,
)
from queuebit_contracts.transparency import Checkpoint, LogCheckpointed
from queuebit_contracts.usage import is_final, quantities
from queuebit_contracts.wire import Amount
from queuebit_kernel import digest, job_id
from queuebit_pricing import Bounds, bill, plain
from queuebit_proof import SALT_BYTES, JobRecord, TileLog, build_statement, entry_of, sign_checkpoint
from queuebit_testing.build import NOON

from .conftest import Recording, charge_of

Break = Callable[[Recording], None]

K1 = job_id("acme", "k1")
LESS = Usage(shots=1000, qpu_us=1000, qubits=2)


def charged(recording: Recording, usage: Usage) -> Charge:
    """What a usage of k1, which ran on aer, costs."""
    price = recording.book.price_for("aer", NOON)
    bounds = Bounds(shots=1000, qpu_us=2000, qubits=2)
    return charge_of(bill(price, bounds, "completed", quantities(usage), final=is_final(usage)))


def correction(recording: Recording, before: Charge, usage: Usage) -> Correction:
    after = charged(recording, usage)
    return Correction(
        tenant="acme",
        project="main",
        job=K1,
        backend="aer",
        revision=1,
        report=1,
        usage=usage,
        charge=after,
        delta=Charge(
            amount=plain(Decimal(after.amount) - Decimal(before.amount)),
            currency="USD",
            jbu=plain(Decimal(after.jbu) - Decimal(before.jbu)),
        ),
        reason="late",
        final=is_final(usage),
        price_book=recording.book.digest,
    )


def report(usage: Usage) -> JobUsageReported:
    data = UsageReport(tenant="acme", job=K1, backend="aer", attempt=1, revision=1, usage=usage)
    return JobUsageReported(source="qb/executor-aer", data=data)


def superseding(recording: Recording, folder: Path) -> list[AnyEvent]:
    """The receipt that follows the correction, and the head of the log with it."""
    seals = [it.data for it in recording.events if isinstance(it, JobSealed)]
    first = next(it for it in seals if it.job == K1)
    log = TileLog(folder)
    log.append(bytes.fromhex(it.statement.removeprefix("sha256:")) for it in seals)
    record = JobRecord(
        tenant="acme", project="main", job=K1, outcome="completed", request_digest=digest(b"request"),
        result_digest=digest(b"result"), software="queuebit", submitted_at=NOON, finished_at=NOON, revision=1,
        supersedes=first.statement,
    )  # fmt: skip
    statement = build_statement(record, salt=bytes(SALT_BYTES))
    index = log.append([entry_of(statement)])
    head = log.head(recording.ring.origin)
    checkpoint = sign_checkpoint(head, recording.ring, NOON)
    data = Seal(
        tenant="acme",
        job=K1,
        statement=digest(statement),
        text=statement.decode(),
        leaf_index=index,
        tree_size=head.size,
        revision=1,
        supersedes=first.statement,
    )
    signed = Checkpoint(log="main", tree_size=head.size, checkpoint=checkpoint)
    return [JobSealed(source="qb/provenance", data=data), LogCheckpointed(source="qb/provenance", data=signed)]


@pytest.fixture
def corrected(recording: Recording, tmp_path: Path) -> Recording:
    """A settled job whose vendor reported less time afterwards."""
    before = recording.events[recording.find(JobMetered, "k1")].data.charge
    change = correction(recording, before, LESS)
    adjusted = Adjustment(
        tenant="acme", account="main", job=K1, revision=1, delta=Amount(amount=change.delta.amount), reason="late"
    )
    recording.events += [
        report(LESS),
        JobCorrected(source="qb/metering", data=change),
        AccountCorrected(source="qb/metering", data=adjusted),
        *superseding(recording, tmp_path / "log"),
    ]
    return recording


@pytest.fixture
def provisional(recording: Recording) -> Recording:
    """A job that completed and whose usage is not final yet."""
    late = Usage(shots=1000, qpu_us=2000, qubits=2, final=False)
    recording.alter(JobCompleted, "k1", usage=late)
    recording.alter(JobMetered, "k1", usage=late, charge=charged(recording, late), final=False)
    del recording.events[recording.find(AccountSettled, "k1")]
    return recording


def test_a_correction_after_the_settlement_adds_up(corrected: Recording) -> None:
    verdicts = corrected.judged()
    assert all(it.holds for it in verdicts.values()), verdicts


def test_a_provisional_hold_is_counted_and_no_fault(provisional: Recording) -> None:
    verdicts = provisional.judged()
    assert all(it.holds for it in verdicts.values()), verdicts
    assert "1 jobs keep their hold until their usage is final" in verdicts["I2"].notes


def test_a_report_that_is_not_billed_is_due_or_lost(provisional: Recording) -> None:
    provisional.events.append(report(LESS))
    assert any("report 1 of its usage was never billed" in it.text for it in provisional.judged()["I1"].findings)
    provisional.outstanding = Outstanding(since=10**9, pending={"metering-reported": 1})
    assert provisional.judged()["I1"].holds


def _drop(kind: type[AnyEvent]) -> Break:
    def drop(it: Recording) -> None:
        del it.events[max(at for at, event in enumerate(it.events) if isinstance(event, kind))]

    return drop


def _alter_last(kind: type[AnyEvent], **changes: object) -> Break:
    def alter(it: Recording) -> None:
        at = max(at for at, event in enumerate(it.events) if isinstance(event, kind))
        event = it.events[at]
        it.events[at] = event.model_copy(update={"data": event.data.model_copy(update=changes)})

    return alter


def _twice(kind: type[AnyEvent]) -> Break:
    def twice(it: Recording) -> None:
        last = next(event for event in reversed(it.events) if isinstance(event, kind))
        it.events.insert(it.events.index(last), last)

    return twice


ZERO = Charge(amount="0.00", currency="USD", jbu="0")


@pytest.mark.parametrize(
    ("breaks", "invariant", "words"),
    [
        (_drop(JobUsageReported), "I2", "states other usage than report 1"),
        (_drop(JobCorrected), "I1", "report 1 of its usage was never billed"),
        (_drop(AccountCorrected), "I2", "never reached its account"),
        (_twice(JobCorrected), "I1", "corrected 1 2 times"),
        (_twice(AccountCorrected), "I2", "which is not due"),
        (_alter_last(AccountCorrected, delta=Amount(amount="0.5")), "I2", "its account was corrected by 0.5"),
        (_alter_last(JobCorrected, delta=ZERO), "I2", "but says 0.00"),
        (_alter_last(JobCorrected, charge=ZERO), "I2", "but the bill says 0.00 USD"),
        (_alter_last(JobCorrected, usage=Usage(qpu_us=1)), "I2", "states other usage than report 1"),
        (_alter_last(JobSealed, supersedes=digest(b"x")), "I4", "supersedes another one than its seal says"),
    ],
)
def test_each_break_of_late_money_is_found_and_named(
    corrected: Recording, breaks: Break, invariant: str, words: str
) -> None:
    broken = replace(corrected, events=[*corrected.events], subjects={})
    breaks(broken)
    findings = broken.judged()[invariant].findings
    assert any(words in it.text for it in findings), findings


def test_a_correction_without_a_receipt_is_found(corrected: Recording) -> None:
    _drop(JobSealed)(corrected)
    _drop(LogCheckpointed)(corrected)
    assert any("correction 1 of its bill has no receipt" in it.text for it in corrected.judged()["I4"].findings)
    corrected.outstanding = Outstanding(since=10**9, pending={"provenance-corrected": 1})
    verdicts = corrected.judged()
    assert verdicts["I4"].holds
    assert verdicts["I1"].holds
