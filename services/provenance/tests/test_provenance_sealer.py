"""Cycles over a log in memory: batches, conflicts, repeats, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from queuebit_contracts.job import JobCompleted, JobMetered, JobSealed
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_kernel import Fault, Malformed, Stale, Superseded, SystemClock, Unavailable
from queuebit_proof import KeyRing, TileLog, verify, verify_checkpoint, verify_consistency
from queuebit_provenance import sealer
from queuebit_provenance.handlers import AttestJob
from queuebit_provenance.sealer import Sealer
from queuebit_runtime.log import Guarded
from queuebit_runtime.paced import Paced
from queuebit_testing.memory import MemoryLog

from .attesting import Attesting, ReceiptOf, WriteLives
from .conftest import LedgerOf
from .job_lives import Life


async def test_jobs_that_wait_together_share_one_checkpoint(
    log: MemoryLog,
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    receipt_of: ReceiptOf,
) -> None:
    bills = await metered("j1", "j2", "j3") + await metered("j4", end="rejected")

    async with attesting(ledger_of()) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    seals = [it.data for it in log.events(JobSealed)]
    assert [it.leaf_index for it in seals] == [0, 1, 2, 3]
    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [4]
    assert log.events(JobSealed)[0].provenanceid == bills[0].provenanceid
    for seal in seals:
        assert verify(await receipt_of(seal), keys.trust, tenant="acme", job=seal.job)


async def test_the_public_files_are_completed_in_a_rest(
    tmp_path: Path,
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealer, "_REST_S", 0.01)
    first, second = await metered("j1", "j2")
    folder = tmp_path / "log"
    async with asyncio.timeout(10), attesting(ledger_of()) as attest:  # no second passes by the ledger's clock
        await attest(first)
        assert TileLog.open(folder, keys.trust).published == 1
        await attest(second)
        while TileLog.open(folder, keys.trust).published < 2:
            await asyncio.sleep(0.005)


async def test_a_full_batch_is_split(
    log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    bills = await metered("j1", "j2", "j3", "j4", "j5")

    async with attesting(ledger_of(), max_batch=2) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [2, 4, 5]


async def test_a_repeated_delivery_is_superseded(
    log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    (bill,) = await metered("j1")

    async with attesting(ledger_of()) as attest:
        await attest(bill)
        with pytest.raises(Superseded):
            await attest(bill)

    assert len(log.events(JobSealed)) == 1


async def test_a_bill_that_a_lagging_replica_does_not_show_yet_is_no_dead_letter(
    log: MemoryLog, life: Life, ledger_of: LedgerOf
) -> None:
    *earlier, bill = life("j1", "completed")
    for event in earlier:
        await log.append(event)
    assert isinstance(bill, JobMetered)
    cycles = Sealer(ledger_of(), Paced(SystemClock(), most=1, linger_s=0))
    attest = AttestJob(log, cycles, salt=lambda: bytes(16), software="queuebit 0.1.0")

    with pytest.raises(Unavailable):
        await attest(bill, len(earlier) + 1)


async def test_the_same_job_twice_in_one_cycle_gets_one_leaf(
    log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    (bill,) = await metered("j1")

    async with attesting(ledger_of()) as attest:
        await asyncio.gather(attest(bill), attest(bill))

    assert len(log.events(JobSealed)) == 1


async def test_a_lost_confirmation_costs_no_second_leaf(
    log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives, monkeypatch: pytest.MonkeyPatch
) -> None:
    bills = await metered("j1", "j2")
    stored = log.append_all

    async def lose_confirmation(facts: Sequence[Guarded]) -> int:
        monkeypatch.setattr(log, "append_all", stored)
        await stored(facts)
        raise Unavailable("the answer was lost")

    monkeypatch.setattr(log, "append_all", lose_confirmation)
    async with attesting(ledger_of()) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 1]
    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [2]


async def test_a_batch_that_broke_off_and_one_that_came_late_are_tried_again(
    log: MemoryLog,
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    receipt_of: ReceiptOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bills = await metered("j1", "j2")
    failures = [Unavailable("the connection broke off half-way"), Stale("another process was faster")]
    stored = log.append_all

    async def fail_first(facts: Sequence[Guarded]) -> int:
        if failures:
            raise failures.pop(0)
        return await stored(facts)

    monkeypatch.setattr(log, "append_all", fail_first)
    async with attesting(ledger_of()) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    seals = [it.data for it in log.events(JobSealed)]
    assert [it.leaf_index for it in seals] == [0, 1]
    assert all([verify(await receipt_of(it), keys.trust) for it in seals])


@pytest.mark.parametrize("fault", [Stale, Unavailable, Malformed])
async def test_sealing_goes_on_when_the_log_is_back(
    log: MemoryLog,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[Fault],
) -> None:
    bills = await metered("j1", "j2")

    async def fail(facts: Sequence[Guarded]) -> int:
        raise fault("no batch is stored")

    async with attesting(ledger_of()) as attest:
        with monkeypatch.context() as broken:
            broken.setattr(log, "append_all", fail)
            verdicts = await asyncio.gather(*(attest(bill) for bill in bills), return_exceptions=True)
        assert all(isinstance(it, Fault) and "no batch is stored" in str(it) for it in verdicts)
        await asyncio.gather(*(attest(bill) for bill in bills))

    assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 1]


async def test_a_process_overtaken_while_signing_continues_the_others_tree(
    log: MemoryLog,
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    receipt_of: ReceiptOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bills = await metered("j1", "j2", "j3")
    stored = log.append_all

    async with attesting(ledger_of("one")) as one, attesting(ledger_of("two")) as two:

        async def be_overtaken(facts: Sequence[Guarded]) -> int:
            monkeypatch.setattr(log, "append_all", stored)
            await asyncio.gather(two(bills[0]), two(bills[1]))
            return await stored(facts)

        monkeypatch.setattr(log, "append_all", be_overtaken)
        await asyncio.gather(one(bills[0]), one(bills[2]))

    assert [(it.data.job, it.data.leaf_index) for it in log.events(JobSealed)] == [("j1", 0), ("j2", 1), ("j3", 2)]
    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [2, 3]
    assert all([verify(await receipt_of(it.data), keys.trust) for it in log.events(JobSealed)])


async def test_two_processes_take_turns_and_never_fork(
    log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    bills = await metered(*(f"j{number}" for number in range(40)))

    async with attesting(ledger_of("one"), max_batch=3) as one, attesting(ledger_of("two"), max_batch=4) as two:
        await asyncio.gather(
            *(attest(bill) for attest, half in ((one, bills[::2]), (two, bills[1::2])) for bill in half)
        )

    assert [it.data.leaf_index for it in log.events(JobSealed)] == list(range(40))
    tree = TileLog(Path("unused"))
    tree.append(bytes.fromhex(it.data.statement[7:]) for it in log.events(JobSealed))
    heads = [verify_checkpoint(it.data.checkpoint, keys.trust).head for it in log.events(LogCheckpointed)]
    for old, new in pairwise(heads):
        assert verify_consistency(old.size, new.size, old.root, new.root, tree.consistency(old.size, new.size))


async def test_a_job_that_cannot_be_attested_fails_alone(
    log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    good, bad = await metered("good", "bad")
    log.stored[:] = [it for it in log.stored if not (isinstance(it.event, JobCompleted) and it.event.data.job == "bad")]

    async with attesting(ledger_of()) as attest:
        verdicts = await asyncio.gather(attest(bad), attest(good), return_exceptions=True)

    assert isinstance(verdicts[0], Malformed)
    assert verdicts[1] is None
    assert [it.data.job for it in log.events(JobSealed)] == ["good"]
