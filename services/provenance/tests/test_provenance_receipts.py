"""Receipts on request: what is signed, with which head, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_contracts.job import JobSealed, JobSealedV1, SealV1
from queuebit_contracts.query import Question
from queuebit_contracts.subjects import job
from queuebit_contracts.transparency import Checkpoint, LogCheckpointed
from queuebit_kernel import FixedClock, Unavailable, digest
from queuebit_proof import (
    KeyRing,
    TileLog,
    TrustRoot,
    b64,
    build_statement,
    entry_of,
    seal,
    sign_checkpoint,
    verify,
)
from queuebit_provenance.errors import LogRefused
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.policy import record_of
from queuebit_provenance.receipts import IssueReceipt
from queuebit_runtime.log import Guarded
from queuebit_testing.memory import MemoryLog

from .attesting import Attesting, ReceiptOf, WriteLives
from .conftest import LedgerOf, MemorySeals
from .job_lives import BEGIN, Life

J1 = Question(job="j1")


@pytest.fixture
def issuing(log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf) -> IssueReceipt:
    return IssueReceipt(log, MemorySeals(log), ledger_of("reading"), keys=keys, trust=keys.trust)


@pytest.fixture
async def ledger(ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives) -> Ledger:
    """A log of three jobs, each with a head of its own."""
    ledger = ledger_of()
    async with attesting(ledger) as attest:
        for bill in await metered("j1", "j2", "j3"):
            await attest(bill)
    return ledger


def alter(log: MemoryLog, name: str, **changes: object) -> None:
    """Replace fields of a seal, as someone could who can write to the log's files."""
    at, found = next((at, it) for at, it in enumerate(log.stored) if it.subject == job("acme", name).event("sealed"))
    assert isinstance(found.event, JobSealed)
    data = found.event.data.model_copy(update=changes)
    log.stored[at] = replace(found, event=found.event.model_copy(update={"data": data}))


async def test_asking_again_gives_the_same_receipt_but_for_the_signatures(
    log: MemoryLog, keys: KeyRing, ledger: Ledger, receipt_of: ReceiptOf
) -> None:
    before = [*log.stored]
    first = log.events(JobSealed)[0].data
    receipts = [json.loads(await receipt_of(first)) for _ in range(2)]
    statements = [
        verify(json.dumps(it, separators=(",", ":"), ensure_ascii=False).encode(), keys.trust) for it in receipts
    ]
    assert statements[0].statement == statements[1].statement == json.loads(first.text)
    assert receipts[0].pop("envelope") != receipts[1].pop("envelope")
    assert receipts[0] == receipts[1]
    assert (receipts[0]["leaf_index"], receipts[0]["tree_size"]) == (0, 1), "the head that was stored with it"
    assert log.stored == before, "nothing is stored"


async def test_a_receipt_is_issued_while_a_batch_is_on_its_way_and_after_it_failed(
    log: MemoryLog,
    keys: KeyRing,
    ledger: Ledger,
    attesting: Attesting,
    metered: WriteLives,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issue = IssueReceipt(log, MemorySeals(log), ledger, keys=keys, trust=keys.trust)
    issued: list[bytes] = []

    async def ask(facts: Sequence[Guarded]) -> int:
        issued.append(str((await issue("acme", J1)).rows[0]["receipt"]).encode())
        raise Unavailable("the connection broke off")

    (bill,) = await metered("j4")
    async with attesting(ledger) as attest:
        with monkeypatch.context() as broken:
            broken.setattr(log, "append_all", ask)
            with pytest.raises(Unavailable):
                await attest(bill)
        issued.append(str((await issue("acme", J1)).rows[0]["receipt"]).encode())
        await attest(bill)
        issued.append(str((await issue("acme", Question(job="j4"))).rows[0]["receipt"]).encode())
    assert [verify(it, keys.trust).receipt.leaf_index for it in issued][-2:] == [0, 3]
    assert all(verify(it, keys.trust) for it in issued)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None},
        {"leaf_index": 1},
        {"leaf_index": 2, "tree_size": 3},
    ],
    ids=["another statement", "another leaf", "a later leaf"],
)
async def test_only_what_is_a_leaf_of_the_signed_log_is_signed(
    log: MemoryLog, life: Life, ledger: Ledger, issuing: IssueReceipt, changes: dict[str, object]
) -> None:
    if "text" in changes:
        text = build_statement(replace(record_of(life("j1"), software="q"), project="rich"), salt=bytes(16)).decode()
        changes = {"text": text, "statement": digest(text.encode())}
    await issuing("acme", Question(job="j3"))  # the log was read before it was altered
    alter(log, "j1", **changes)
    with pytest.raises(LogRefused, match="is not leaf"):
        await issuing("acme", J1)


async def test_the_statement_of_another_job_is_not_signed_for_this_one(
    log: MemoryLog, ledger: Ledger, issuing: IssueReceipt
) -> None:
    await issuing("acme", Question(job="j3"))  # as above
    other = log.events(JobSealed)[1]
    at = next(at for at, it in enumerate(log.stored) if it.subject == job("acme", "j1").event("sealed"))
    log.stored[at] = replace(log.stored[at], event=other)
    with pytest.raises(LogRefused, match="about j1 is not leaf"):
        await issuing("acme", J1)


@pytest.mark.parametrize(
    ("tenant", "question", "code"),
    [
        ("acme", Question(), "bad_question"),
        ("acme", Question(job="j9"), "not_sealed"),
        ("acme", Question(job="j1", revision=1), "not_sealed"),
        ("evil", J1, "not_sealed"),
        ("acme", Question(job="future"), "unknown_seal"),
    ],
)
async def test_what_has_no_receipt_is_explained(
    log: MemoryLog, ledger: Ledger, issuing: IssueReceipt, tenant: str, question: Question, code: str
) -> None:
    log.publish("qb.job.acme.future.sealed", b'{"type": "qb.job.sealed.v9", "data": {}}')
    answer = await issuing(tenant, question)
    assert answer.error is not None
    assert (answer.error.code, answer.rows) == (code, ())


async def test_the_log_of_version_0_1_continues_and_its_receipts_stay_valid(
    tmp_path: Path,
    log: MemoryLog,
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    life: Life,
    issuing: IssueReceipt,
) -> None:
    (bill,) = await metered("j1")
    envelope = seal(build_statement(record_of(life("j1"), software="queuebit 0.1.0"), salt=bytes(16)), keys)
    tiles = TileLog(tmp_path / "old")
    tiles.append([entry_of(envelope)])
    checkpoint = sign_checkpoint(tiles.head(keys.origin), keys, BEGIN + timedelta(seconds=1))
    old = SealV1(
        tenant="acme",
        job="j1",
        statement=digest(envelope),
        envelope=b64(envelope),
        leaf_index=0,
        tree_size=1,
        inclusion=(),
        checkpoint=checkpoint,
    )
    await log.append(JobSealedV1(source="qb/provenance", data=old))
    head = Checkpoint(log="main", tree_size=1, checkpoint=checkpoint)
    await log.append(LogCheckpointed(source="qb/provenance", data=head))
    (second,) = await metered("j2")

    async with attesting(ledger_of()) as attest:
        await attest(second)

    assert log.events(JobSealed)[0].data.leaf_index == 1
    receipts = [str((await issuing("acme", Question(job=it))).rows[0]["receipt"]).encode() for it in ("j1", "j2")]
    assert [verify(it, keys.trust, tenant="acme").receipt.version for it in receipts] == [1, 2]
    assert verify(receipts[0], keys.trust).receipt.envelope == envelope
    assert bill.data.job == "j1"


async def test_after_a_change_of_keys_a_receipt_has_the_first_head_by_the_new_ones(
    tmp_path: Path,
    log: MemoryLog,
    keys: KeyRing,
    ledger: Ledger,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
) -> None:
    later = BEGIN + timedelta(days=1)
    others = KeyRing.open(tmp_path / "others", keys.origin, later)
    both = TrustRoot(version=2, origin=keys.origin, keys=keys.trust.keys + others.trust.keys)
    changed = ledger_of(keys=others, trust=both, clock=FixedClock(later + timedelta(seconds=1)))
    issue = IssueReceipt(log, MemorySeals(log), changed, keys=others, trust=both)
    with pytest.raises(Unavailable, match="the next job that is sealed"):
        await issue("acme", J1)

    async with attesting(changed) as attest:
        await attest((await metered("j4"))[0])

    receipt = str((await issue("acme", J1)).rows[0]["receipt"]).encode()
    verified = verify(receipt, both, tenant="acme", job="j1")
    assert (verified.receipt.leaf_index, verified.receipt.tree_size) == (0, 4)
    assert verified.signed_at >= later
