"""A good history passes; broken in one way, it fails by the name of what was broken, and by no other."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_audit.lifecycle import Outstanding, nothing_lost
from queuebit_audit.messages import fact_of, unreadable
from queuebit_audit.proofs import Proofs, walls_hold
from queuebit_audit.records import Root
from queuebit_audit.rows import Rows, one_truth
from queuebit_contracts.account import AccountFunded, AccountHeld, AccountReleased, AccountSettled, Release
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import (
    Charge,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobStarted,
    JobSubmitted,
    JobWithdrawn,
    SealV1,
    Usage,
    Withdrawal,
)
from queuebit_contracts.transparency import Checkpoint, KeysRotated, LogCheckpointed, Rotation
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import digest, job_id
from queuebit_proof import (
    KeyRing,
    TileLog,
    b64,
    entry_of,
    open_envelope,
    rotate_keys,
    rotations,
    seal,
    sign_checkpoint,
)
from queuebit_runtime.log import Stored
from queuebit_testing.build import NOON

from .conftest import Recording

Break = Callable[[Recording], object]
"""Breaks a good history in one way."""

K1, K2, K4 = job_id("acme", "k1"), job_id("acme", "k2"), job_id("beta", "k4")


def test_a_good_history_holds(recording: Recording) -> None:
    verdicts = recording.judged()
    assert {name: (it.holds, it.checked) for name, it in verdicts.items()} == {
        "I1": (True, 5),
        "I2": (True, 5),
        "I3": (True, len(recording.events)),
        "I4": (True, 5),
        "I5": (True, len(recording.events)),
    }


def test_events_of_unknown_types_are_counted_and_no_fault(recording: Recording) -> None:
    history, body = recording.history(), b'{"type": "qb.job.praised.v1", "data": {}}'
    before = (dict(history.jobs), dict(history.accounts))
    for subject in (f"qb.job.acme.{K1}.praised", f"qb.job.acme.{K1}.completed", "qb.later.x.began"):
        stored = Stored(decode(body, subject), subject, 1000, NOON)
        history.evolve(fact_of(stored, Proofs(recording.ring.trust)))
    assert (history.jobs, history.accounts, history.strays) == (*before, [])
    verdict = one_truth(history, recording.table())
    assert verdict.holds
    assert verdict.notes == ["3 events are of type qb.job.praised.v1, which this version does not know"]


def _drop(kind: type[AnyEvent], key: str = "k1") -> Break:
    def breaks(it: Recording) -> None:
        del it.events[it.find(kind, key)]

    return breaks


def _double(kind: type[AnyEvent], key: str = "k1") -> Break:
    def breaks(it: Recording) -> None:
        it.events.insert(at := it.find(kind, key), it.events[at].model_copy(update={"id": "again"}))

    return breaks


def _second_end(it: Recording) -> None:
    end = it.events[it.find(JobCancelled)]
    data = end.data.model_copy(update={"tenant": "acme", "job": K1})
    it.events.insert(it.find(JobCompleted, "k1") + 1, end.model_copy(update={"id": "x", "data": data}))


def _started_after_the_end(it: Recording) -> None:
    it.events.append(it.events[it.find(JobStarted, "k1")].model_copy(update={"id": "late"}))


def _lowered_charge(it: Recording) -> None:
    """A consistent lie: bill and settlement agree, and only the price book tells."""
    lines = it.events[it.find(JobMetered, "k1")].data.charge.lines
    it.alter(JobMetered, "k1", charge=Charge(amount="0.00", currency="USD", jbu="0", lines=lines))
    held = it.events[it.find(AccountSettled, "k1")].data.held
    it.alter(AccountSettled, "k1", settled=Amount(amount="0.00"), released=held)


def _released_too(it: Recording) -> None:
    held = it.events[it.find(AccountHeld, "k1")].data
    it.events.append(AccountReleased(source="qb/broker", data=Release(**held.model_dump())))


def _swapped_receipts(it: Recording) -> None:
    first, second = it.find(JobSealed, "k1"), it.find(JobSealed, "k2")
    it.events[first], it.events[second] = it.events[second], it.events[first]


def _altered_statement(it: Recording) -> None:
    text = it.events[it.find(JobSealed, "k1")].data.text
    it.alter(JobSealed, "k1", text=text.replace('"completed"', '"cancelled"'))


def _replaced_statement(it: Recording) -> None:
    text = it.events[it.find(JobSealed, "k1")].data.text.replace('"completed"', '"cancelled"')
    it.alter(JobSealed, "k1", text=text, statement=digest(text.encode()))


def _foreign_receipt(it: Recording) -> None:
    other = it.events[it.find(JobSealed, "k2")].data
    it.alter(JobSealed, "k1", **other.model_dump(include={"statement", "text", "leaf_index"}))


def _altered_checkpoint(it: Recording) -> None:
    text = it.events[it.find(LogCheckpointed)].data.checkpoint
    it.alter(LogCheckpointed, checkpoint=text.replace("\n2\n", "\n1\n", 1))


def _in_another_tenant(it: Recording) -> None:
    it.subjects[it.find(JobStarted, "k1")] = f"qb.job.beta.{K1}.started"


def _forged_and_believed(it: Recording) -> None:
    forged = it.find(JobSubmitted, "k4")
    it.subjects[forged] = f"qb.job.acme.{K1}.submitted"
    it.alter(JobAccepted, "k1", submission=forged + 1)


@pytest.mark.parametrize(
    ("breaks", "invariant", "subject", "words"),
    [
        (_drop(JobSubmitted), "I1", f"acme/{K1}", "begins with accepted"),
        (_drop(JobCompleted), "I1", f"acme/{K1}", "metered, but never ended"),
        (_second_end, "I1", f"acme/{K1}", "ended 2 times: completed, cancelled"),
        (_started_after_the_end, "I1", f"acme/{K1}", "started after it had ended"),
        (_double(JobAccepted), "I1", f"acme/{K1}", "accepted 2 times"),
        (_drop(JobMetered), "I1", f"acme/{K1}", "completed, but never metered"),
        (_double(JobMetered), "I1", f"acme/{K1}", "metered 2 times"),
        (_drop(AccountHeld), "I2", f"acme/{K1}", "but 0 was held"),
        (_double(AccountHeld), "I2", f"acme/{K1}", "held 2 times"),
        (_drop(AccountSettled), "I2", f"acme/{K1}", "never settled"),
        (_double(AccountSettled), "I2", f"acme/{K1}", "settled 2 times"),
        (_released_too, "I2", f"acme/{K1}", "whole hold was released"),
        (lambda it: it.alter(AccountSettled, "k1", released=Amount(amount="0.5")), "I2", f"acme/{K1}", "0.5 released"),
        (
            lambda it: it.alter(AccountSettled, "k1", settled=Amount(amount="0.5")),
            "I2",
            f"acme/{K1}",
            "0.5 was settled",
        ),
        (lambda it: it.alter(JobMetered, "k1", usage=Usage(shots=1)), "I2", f"acme/{K1}", "other usage was metered"),
        (lambda it: it.alter(JobMetered, "k1", state="failed"), "I2", f"acme/{K1}", "but billed as failed"),
        (lambda it: it.alter(JobMetered, "k1", hold=Amount(amount="9")), "I2", f"acme/{K1}", "names a hold other"),
        (lambda it: it.alter(JobAccepted, "k1", spot=True), "I2", f"acme/{K1}", "aer-2026 is not of spot jobs"),
        (_lowered_charge, "I2", f"acme/{K1}", "by aer-2026, but the bill says 0.00 USD"),
        (lambda it: it.alter(AccountFunded, amount=Amount(amount="0.001")), "I2", "acme/main", "overdraws it by"),
        (lambda it: it.alter(AccountHeld, "k1", amount=Amount(amount="0.1", currency="EUR")), "I2", "acme/main", "EUR"),
        (_in_another_tenant, "I3", f"qb.job.beta.{K1}.started", "holds an event of"),
        (_forged_and_believed, "I3", f"qb.job.acme.{K1}.submitted", f"event of qb.job.beta.{K4}.submitted"),
        (_drop(JobSealed), "I4", f"acme/{K1}", "has no receipt"),
        (_double(JobSealed), "I4", f"acme/{K1}", "has 2 receipts"),
        (_swapped_receipts, "I4", f"acme/{K1}", "claims leaf 0, but is leaf 1"),
        (_altered_statement, "I4", f"acme/{K1}", "does not match its digest"),
        (_replaced_statement, "I4", "checkpoint 2", "its root is not that of the leaves"),
        (_foreign_receipt, "I4", f"acme/{K1}", f"its statement is about acme/{K2}"),
        (lambda it: it.alter(JobSealed, "k1", tree_size=3), "I4", f"acme/{K1}", "names the head of 3 leaves"),
        (_altered_checkpoint, "I4", "checkpoint 2", "signature does not match"),
        (lambda it: it.events.pop(), "I4", "checkpoint 2", "it is the last, but there are 5 leaves"),
    ],
)
def test_each_break_is_found_and_named(
    recording: Recording, breaks: Break, invariant: str, subject: str, words: str
) -> None:
    breaks(recording)
    verdict = recording.judged()[invariant]
    assert any(it.subject == subject and words in it.text for it in verdict.findings), verdict.findings


def _with_a_change_of_keys(recording: Recording, folder: Path) -> None:
    """The keys of the recording are replaced, as provenance records it."""
    KeyRing.open(folder / "keys", "queuebit.example/log", NOON)
    ring = rotate_keys(folder / "keys", NOON + timedelta(hours=1))
    trust = replace(ring.trust, keys=(*recording.ring.trust.keys, *ring.trust.keys))
    envelope = rotations(folder / "keys")[2]
    statement = open_envelope(envelope, ring.trust).payload
    log = TileLog(folder / "log")
    entries = [it.data.statement for it in recording.events if isinstance(it, JobSealed)]
    log.append(bytes.fromhex(it.removeprefix("sha256:")) for it in entries)
    index = log.append([entry_of(statement)])
    change = Rotation(
        log="main",
        trust_version=2,
        profile="default",
        statement=digest(statement),
        envelope=envelope.decode(),
        leaf_index=index,
        tree_size=log.size,
    )
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, NOON + timedelta(hours=2))
    recording.events.append(KeysRotated(source="qb/provenance", data=change))
    head = Checkpoint(log="main", tree_size=log.size, checkpoint=checkpoint)
    recording.events.append(LogCheckpointed(source="qb/provenance", data=head))
    recording.ring = replace(ring, trust=trust)


def test_a_change_of_keys_is_a_leaf_of_a_good_history(recording: Recording, tmp_path: Path) -> None:
    _with_a_change_of_keys(recording, tmp_path)
    verdict = recording.judged()["I4"]
    assert (verdict.findings, verdict.checked) == ([], 5)


def test_an_altered_change_of_keys_is_found(recording: Recording, tmp_path: Path) -> None:
    _with_a_change_of_keys(recording, tmp_path)
    recording.alter(KeysRotated, statement=digest(b"another"))
    texts = [f"{it.subject}: {it.text}" for it in recording.judged()["I4"].findings]
    assert "a change of keys or a statement of a user: the statement does not match its digest" in texts
    recording.alter(KeysRotated, envelope="{}")
    texts = [f"{it.subject}: {it.text}" for it in recording.judged()["I4"].findings]
    assert any(
        it.startswith("a change of keys or a statement of a user: the change of keys does not verify") for it in texts
    )


def test_a_log_whose_end_was_removed_is_rolled_back(recording: Recording) -> None:
    """The events after a head are gone; what is left is whole, but less than was published."""
    signed = Proofs(recording.ring.trust).head(recording.events[-1].data.checkpoint)
    assert isinstance(signed, Root)
    recording.published = signed
    assert recording.judged()["I4"].holds
    heads = [at for at, it in enumerate(recording.events) if isinstance(it, LogCheckpointed)]
    del recording.events[heads[-2] + 1 :]
    texts = [f"{it.subject}: {it.text}" for it in recording.judged()["I4"].findings]
    assert (
        f"published checkpoint {signed.size}: rolled back: the log has 2 leaves, and published that it had 5" in texts
    )


def test_a_log_that_was_signed_again_with_other_leaves_is_forked(recording: Recording) -> None:
    recording.published = Root(2, bytes(32))
    (found,) = recording.judged()["I4"].findings
    assert (found.subject, found.text.partition(":")[0]) == ("published checkpoint 2", "forked")


def test_a_receipt_of_version_0_1_is_verified_whole(recording: Recording, tmp_path: Path) -> None:
    ring, log = recording.ring, TileLog(tmp_path)
    envelope = seal(recording.events[recording.find(JobSealed, "k1")].data.text.encode(), ring)
    log.append([entry_of(envelope)])
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, NOON)
    data = SealV1(
        tenant="acme",
        job=K1,
        statement=digest(envelope),
        envelope=b64(envelope),
        leaf_index=0,
        tree_size=1,
        inclusion=(),
        checkpoint=checkpoint,
    )
    check = Proofs(ring.trust).seal
    assert check("acme", K1, data) is None
    flipped = data.envelope[:200] + ("A" if data.envelope[200] != "A" else "B") + data.envelope[201:]
    assert check("acme", K1, data.model_copy(update={"envelope": flipped})) == "the statement does not match its digest"
    other = data.model_copy(update={"leaf_index": 1})
    assert "its receipt does not verify" in (check("acme", K1, other) or "")
    assert "not about this job" in (check("acme", K2, data) or "")


def _without(rows: Rows, at: int, count: int = 1) -> None:
    del rows.sequences[at : at + count], rows.marks[at : at + count]


def _twice(rows: Rows, at: int) -> None:
    rows.sequences.insert(at, rows.sequences[at])
    rows.marks.insert(at, rows.marks[at])


def _changed(rows: Rows, at: int) -> None:
    rows.marks[at] ^= 1


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (lambda rows: _without(rows, 4), "row 5 is missing"),
        (lambda rows: _without(rows, 4, count=3), "each of rows 5 to 7 is missing"),
        (lambda rows: _twice(rows, 4), "row 5 is there more than once"),
        (lambda rows: _changed(rows, 4), "row 5 does not hold what LOG holds"),
    ],
)
def test_each_unfaithful_row_is_found_and_named(
    recording: Recording, breaks: Callable[[Rows], None], words: str
) -> None:
    recording.rows = recording.table()
    breaks(recording.rows)
    assert [(it.subject, it.text) for it in recording.judged()["I5"].findings] == [("events", words)]


def test_a_row_that_the_log_never_held_is_found(recording: Recording) -> None:
    history, rows = recording.history(), recording.table()
    del history.sequences[4], history.marks[4]
    recording.rows = rows
    assert [it.text for it in one_truth(history, rows).findings] == ["row 5 is not in LOG"]


def test_a_hole_in_the_log_is_found(recording: Recording) -> None:
    history = recording.history()
    history.sequences = array("Q", (it + 2 * (it > 7) for it in history.sequences))
    assert [it.text for it in nothing_lost(history, recording.outstanding).findings] == [
        "sequences 8 to 9 cannot be read: events are lost; see `qb recover`"
    ]


def test_messages_that_cannot_be_read_at_either_end_of_the_log_are_found(recording: Recording) -> None:
    history = recording.history()
    history.sequences = array("Q", (it + 1 for it in history.sequences))
    history.end = (last := history.sequences[-1]) + 1
    runs = [it.text.partition(" cannot")[0] for it in nothing_lost(history, recording.outstanding).findings]
    assert runs == ["sequences 1 to 1", f"sequences {last + 1} to {last + 1}"]


def test_a_hole_that_was_given_up_is_a_note(recording: Recording) -> None:
    history = recording.history()
    history.sequences = array("Q", (it + 2 * (it > 7) for it in history.sequences))
    history.given_up = frozenset({8, 9})
    verdict = nothing_lost(history, recording.outstanding)
    assert verdict.holds
    assert verdict.notes == ["2 events are lost and given up: see recovered.json in the home"]


Cut = tuple[Recording, str, str]
"""A history that ends early, the consumer whose turn it is, and the words about it."""


class TestUnfinishedJobs:
    """An unfinished job is no fault while a consumer still has its next step."""

    @pytest.fixture(
        params=[
            (JobSubmitted, "broker-submitted", "neither accepted nor rejected"),
            (JobPlaced, "executor-aer", "placed on aer, but never ended"),
            (JobCompleted, "metering-ended", "completed, but never metered"),
            (AccountSettled, "provenance-metered", "completed, but never sealed"),
        ],
        ids=lambda it: it[1],
    )
    def cut(self, request: pytest.FixtureRequest, recording: Recording) -> Cut:
        kind, consumer, words = request.param
        del recording.events[recording.find(kind, "k1") + 1 :]
        return recording, consumer, words

    def test_with_a_pending_consumer_it_waits(self, cut: Cut) -> None:
        recording, consumer, _ = cut
        recording.outstanding = Outstanding(since=10**9, pending={consumer: 1}, executors={"aer": "executor-aer"})
        verdicts = recording.judged()
        assert all(it.holds for it in verdicts.values()), verdicts
        assert verdicts["I1"].notes[0].startswith("1 jobs wait")

    def test_without_a_pending_consumer_it_is_lost(self, cut: Cut) -> None:
        recording, _, words = cut
        assert any(words in it.text for it in recording.judged()["I1"].findings)

    def test_later_than_the_question_it_may_be_on_its_way(self, cut: Cut) -> None:
        recording, _, _ = cut
        recording.outstanding = Outstanding(since=0)
        assert recording.judged()["I1"].holds

    def test_the_scheduler_says_why_an_accepted_job_waits(self, recording: Recording) -> None:
        del recording.events[recording.find(JobAccepted, "k1") + 1 :]
        assert "does not list it" in recording.judged()["I1"].findings[0].text
        recording.outstanding = Outstanding(since=10**9, queue={("acme", K1): "aer is full"})
        assert recording.judged()["I1"].notes == ["1 jobs wait: aer is full"]


def _withdrawal(recording: Recording) -> JobWithdrawn:
    """The job K1 loses its place."""
    placed = recording.events[recording.find(JobPlaced, "k1")].data
    reason = Reason(code="below_fidelity", text="t")
    about = {"tenant": placed.tenant, "project": placed.project, "job": placed.job, "backend": placed.backend}
    return JobWithdrawn(source="qb/scheduler", data=Withdrawal(**about, reason=reason))


def test_a_job_that_was_taken_from_its_backend_is_the_schedulers_and_not_the_executors(recording: Recording) -> None:
    del recording.events[recording.find(JobPlaced, "k1") + 1 :]
    recording.events.append(_withdrawal(recording))
    assert "does not list it" in recording.judged()["I1"].findings[0].text
    recording.outstanding = Outstanding(since=10**9, queue={("acme", K1): "it waits for a better calibration"})
    assert recording.judged()["I1"].notes == ["1 jobs wait: it waits for a better calibration"]


def test_a_start_on_a_backend_that_a_job_was_taken_from_is_found(recording: Recording) -> None:
    recording.events.insert(recording.find(JobPlaced, "k1") + 1, _withdrawal(recording))
    assert any("after it had been withdrawn" in it.text for it in recording.judged()["I1"].findings)


def test_nonsense_over_ones_own_accepted_job_is_no_breach(recording: Recording) -> None:
    history = recording.history()
    history.evolve(unreadable(f"qb.job.acme.{K1}.submitted", len(recording.events) + 1, "it is nonsense"))
    walls = walls_hold(history)
    assert walls.holds
    assert walls.notes == ["1 messages of tenants break their contract and were ignored: see qb doctor"]


def test_nonsense_where_only_a_service_may_write_is_a_breach(recording: Recording) -> None:
    history = recording.history()
    history.evolve(unreadable(f"qb.job.acme.{K1}.completed", len(recording.events) + 1, "it is nonsense"))
    assert [it.subject for it in walls_hold(history).findings] == [f"qb.job.acme.{K1}.completed"]


def test_the_broker_says_why_an_undecided_job_waits(recording: Recording) -> None:
    del recording.events[recording.find(JobSubmitted, "k1") + 1 :]
    recording.outstanding = Outstanding(10**9, {"broker-submitted": 1}, {("acme", K1): "waits for aer"})
    assert recording.judged()["I1"].notes == ["1 jobs wait: waits for aer"]


def test_an_ignored_claim_is_no_breach(recording: Recording) -> None:
    recording.alter(JobSubmitted, "k3", tenant="beta")
    recording.subjects[recording.events.index(recording.events[recording.find(JobRejected)]) - 1] = (
        f"qb.job.acme.{job_id('acme', 'k3')}.submitted"
    )
    walls = recording.judged()["I3"]
    assert walls.holds
    assert walls.notes == ["1 messages of tenants break their contract and were ignored: see qb doctor"]
