"""Cycles over a log in memory: batches, conflicts, repeats, refusals."""

from __future__ import annotations

import asyncio
import base64
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from queuebit_contracts.job import JobCompleted, JobMetered, JobSealed, Seal
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_kernel import Fault, FixedClock, Malformed, Stale, Superseded, SystemClock, Unavailable
from queuebit_proof import KeyRing, Receipt, TileLog, verify, verify_checkpoint, verify_consistency
from queuebit_provenance.errors import LogRefused
from queuebit_provenance.handlers import AttestJob
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.sealer import Sealer
from queuebit_testing.memory import MemoryLog

Attest = Callable[[JobMetered], Awaitable[None]]


@pytest.fixture
def attesting(log: MemoryLog, keys: KeyRing):
    """Runs one process on a ledger."""

    @asynccontextmanager
    async def run(ledger: Ledger, *, max_batch: int = 200) -> AsyncIterator[Attest]:
        sealer = Sealer(ledger, SystemClock(), max_batch=max_batch, linger_s=0)
        async with asyncio.TaskGroup() as tasks:
            loop = tasks.create_task(sealer.run())
            attest = AttestJob(log, keys, sealer, salt=lambda: bytes(16), software="queuebit 0.1.0")

            async def deliver(bill: JobMetered) -> None:
                await attest(bill, next((it.sequence for it in log.stored if it.event == bill), 0))

            yield deliver
            loop.cancel()

    return run


@pytest.fixture
def metered(log: MemoryLog, life):
    """Writes whole lives and returns their bills."""

    async def write(*jobs: str, end: str = "completed") -> list[JobMetered]:
        for name in jobs:
            for event in life(name, end):
                await log.append(event)
        return [it for it in log.events(JobMetered) if it.data.job in jobs]

    return write


def receipt_of(seal: Seal) -> bytes:
    """What any client does with the one event."""
    return Receipt(
        tenant=seal.tenant,
        job=seal.job,
        envelope=base64.b64decode(seal.envelope),
        leaf_index=seal.leaf_index,
        tree_size=seal.tree_size,
        inclusion=tuple(base64.b64decode(node) for node in seal.inclusion),
        checkpoint=seal.checkpoint,
    ).to_bytes()


async def test_jobs_that_wait_together_share_one_checkpoint(log, keys, ledger_of, attesting, metered) -> None:
    bills = await metered("j1", "j2", "j3") + await metered("j4", end="rejected")

    async with attesting(ledger_of()) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    seals = [it.data for it in log.events(JobSealed)]
    assert [it.leaf_index for it in seals] == [0, 1, 2, 3]
    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [4]
    assert log.events(JobSealed)[0].provenanceid == bills[0].provenanceid
    for seal in seals:
        assert verify(receipt_of(seal), keys.trust, tenant="acme", job=seal.job)


async def test_a_full_batch_is_split(log, ledger_of, attesting, metered) -> None:
    bills = await metered("j1", "j2", "j3", "j4", "j5")

    async with attesting(ledger_of(), max_batch=2) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [2, 4, 5]


async def test_a_repeated_delivery_is_superseded(log, ledger_of, attesting, metered) -> None:
    (bill,) = await metered("j1")

    async with attesting(ledger_of()) as attest:
        await attest(bill)
        with pytest.raises(Superseded):
            await attest(bill)

    assert len(log.events(JobSealed)) == 1


async def test_a_bill_that_a_lagging_replica_does_not_show_yet_is_no_dead_letter(log, keys, life) -> None:
    *earlier, bill = life("j1", "completed")
    for event in earlier:
        await log.append(event)
    sealer = Sealer(None, SystemClock(), max_batch=1, linger_s=0)
    attest = AttestJob(log, keys, sealer, salt=lambda: bytes(16), software="queuebit 0.1.0")

    with pytest.raises(Unavailable):
        await attest(bill, len(earlier) + 1)


async def test_the_same_job_twice_in_one_cycle_gets_one_leaf(log, ledger_of, attesting, metered) -> None:
    (bill,) = await metered("j1")

    async with attesting(ledger_of()) as attest:
        await asyncio.gather(attest(bill), attest(bill))

    assert len(log.events(JobSealed)) == 1


async def test_a_lost_confirmation_costs_no_second_leaf(log, ledger_of, attesting, metered, monkeypatch) -> None:
    bills = await metered("j1", "j2")
    stored = log.append_all

    async def lose_confirmation(facts):
        monkeypatch.setattr(log, "append_all", stored)
        await stored(facts)
        raise Unavailable("the answer was lost")

    monkeypatch.setattr(log, "append_all", lose_confirmation)
    async with attesting(ledger_of()) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 1]
    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [2]


async def test_a_batch_that_broke_off_and_one_that_came_late_are_tried_again(
    log, keys, ledger_of, attesting, metered, monkeypatch
) -> None:
    bills = await metered("j1", "j2")
    failures = [Unavailable("the connection broke off half-way"), Stale("another process was faster")]
    stored = log.append_all

    async def fail_first(facts):
        if failures:
            raise failures.pop(0)
        return await stored(facts)

    monkeypatch.setattr(log, "append_all", fail_first)
    async with attesting(ledger_of()) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))

    seals = [it.data for it in log.events(JobSealed)]
    assert [it.leaf_index for it in seals] == [0, 1]
    assert all(verify(receipt_of(it), keys.trust) for it in seals)


@pytest.mark.parametrize("fault", [Stale, Unavailable, Malformed])
async def test_sealing_goes_on_when_the_log_is_back(
    log, ledger_of, attesting, metered, monkeypatch, fault: type[Fault]
) -> None:
    bills = await metered("j1", "j2")

    async def fail(facts):
        raise fault("no batch is stored")

    async with attesting(ledger_of()) as attest:
        with monkeypatch.context() as broken:
            broken.setattr(log, "append_all", fail)
            verdicts = await asyncio.gather(*(attest(bill) for bill in bills), return_exceptions=True)
        assert all(isinstance(it, Fault) and "no batch is stored" in str(it) for it in verdicts)
        await asyncio.gather(*(attest(bill) for bill in bills))

    assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 1]


async def test_a_process_overtaken_while_signing_continues_the_others_tree(
    log, keys, ledger_of, attesting, metered, monkeypatch
) -> None:
    bills = await metered("j1", "j2", "j3")
    stored = log.append_all

    async with attesting(ledger_of("one")) as one, attesting(ledger_of("two")) as two:

        async def be_overtaken(facts):
            monkeypatch.setattr(log, "append_all", stored)
            await asyncio.gather(two(bills[0]), two(bills[1]))
            return await stored(facts)

        monkeypatch.setattr(log, "append_all", be_overtaken)
        await asyncio.gather(one(bills[0]), one(bills[2]))

    assert [(it.data.job, it.data.leaf_index) for it in log.events(JobSealed)] == [("j1", 0), ("j2", 1), ("j3", 2)]
    assert [it.data.tree_size for it in log.events(LogCheckpointed)] == [2, 3]
    assert all(verify(receipt_of(it.data), keys.trust) for it in log.events(JobSealed))


async def test_two_processes_take_turns_and_never_fork(log, keys, ledger_of, attesting, metered) -> None:
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


async def test_a_job_that_cannot_be_attested_fails_alone(log, ledger_of, attesting, metered) -> None:
    good, bad = await metered("good", "bad")
    log.stored[:] = [it for it in log.stored if not (isinstance(it.event, JobCompleted) and it.event.data.job == "bad")]

    async with attesting(ledger_of()) as attest:
        verdicts = await asyncio.gather(attest(bad), attest(good), return_exceptions=True)

    assert isinstance(verdicts[0], Malformed)
    assert verdicts[1] is None
    assert [it.data.job for it in log.events(JobSealed)] == ["good"]


async def test_tiles_that_lag_are_caught_up(tmp_path, keys, log, ledger_of, attesting, metered) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    async with attesting(ledger_of("elsewhere")) as attest:
        await attest((await metered("j2"))[0])
    await ledger_of().load()
    assert TileLog.open(tmp_path / "log", keys.trust).published == 2


@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/000.p/2", "tile/0/000.p/2"])
@pytest.mark.parametrize("content", [b"", b"torn", bytes(4096), None])
async def test_a_damaged_folder_is_made_anew_without_a_person(
    tmp_path, keys, log, ledger_of, attesting, metered, name: str, content: bytes | None
) -> None:
    """A power cut could empty the checkpoint: sealing stopped until an operator removed it."""
    bills = await metered("j1", "j2", "j3")
    async with attesting(ledger_of()) as attest:
        await asyncio.gather(attest(bills[0]), attest(bills[1]))
    path = tmp_path / "log" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    ledger = ledger_of()
    await ledger.load()

    assert ledger.trouble is None
    assert TileLog.open(tmp_path / "log", keys.trust).published == 2
    async with attesting(ledger) as attest:
        await attest(bills[2])
    assert TileLog.open(tmp_path / "log", keys.trust).published == 3


async def test_a_damaged_folder_on_a_full_disk_keeps_no_job_from_its_receipt(
    tmp_path, keys, log, ledger_of, attesting, metered, monkeypatch
) -> None:
    bills = await metered("j1", "j2", "j3")
    async with attesting(ledger_of()) as attest:
        await attest(bills[0])
    (tmp_path / "log" / "checkpoint").write_bytes(b"")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    ledger = ledger_of()
    with monkeypatch.context() as disk:
        disk.setattr("tempfile.mkstemp", full)
        await ledger.load()
        async with attesting(ledger) as attest:
            await attest(bills[1])
    async with attesting(ledger) as attest:
        await attest(bills[2])

    assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 1, 2]
    assert TileLog.open(tmp_path / "log", keys.trust).published == 3


async def test_a_log_of_other_keys_is_refused(tmp_path, log, keys, ledger_of, attesting, metered) -> None:
    bills = await metered("j1", "j2")
    async with attesting(ledger_of()) as attest:
        await attest(bills[0])
    others = KeyRing.open(tmp_path / "others", keys.origin, keys.trust.keys[0].valid_from)
    ledger = ledger_of("fresh", keys=others)

    async with attesting(ledger) as attest:
        with pytest.raises(LogRefused, match="restore the keys"):
            await attest(bills[1])

    assert ledger.trouble is not None
    assert len(log.events(JobSealed)) == 1


async def test_nothing_is_signed_while_the_clock_is_before_the_keys(log, keys, ledger_of, attesting, metered) -> None:
    (bill,) = await metered("j1")
    clock = FixedClock(keys.trust.keys[0].valid_from - timedelta(seconds=5))
    ledger = ledger_of(clock=clock)
    async with attesting(ledger) as attest:
        with pytest.raises(LogRefused, match="set the clock right"):
            await attest(bill)
        assert ledger.trouble is not None
        clock.advance(5)
        await attest(bill)
    assert ledger.trouble is None
    (seal,) = log.events(JobSealed)
    verify(receipt_of(seal.data), keys.trust)


async def test_a_clock_that_goes_back_is_named_before_and_while_jobs_wait(
    log, keys, ledger_of, attesting, metered
) -> None:
    first, second = await metered("j1", "j2")
    clock = FixedClock(keys.trust.keys[0].valid_from + timedelta(days=2))
    ledger = ledger_of(clock=clock)
    async with attesting(ledger) as attest:
        await attest(first)
        clock.advance(-50)
        assert ledger.trouble is None
        clock.advance(-3600)
        assert "set the clock right" in str(ledger.trouble)
        with pytest.raises(LogRefused, match="the last receipts were signed at"):
            await attest(second)
        clock.advance(3650)
        assert ledger.trouble is None
        await attest(second)
    assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 1]


async def test_a_service_that_starts_while_the_clock_is_back_says_so(keys, ledger_of, attesting, metered) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    ledger = ledger_of("fresh", clock=FixedClock(keys.trust.keys[0].valid_from - timedelta(hours=1)))
    await ledger.load()
    assert "nothing can be signed" in str(ledger.trouble)


async def test_a_log_that_lost_a_seal_is_refused_until_it_is_back(log, ledger_of, attesting, metered) -> None:
    bills = await metered("j1", "j2", "j3")
    async with attesting(ledger_of()) as attest:
        await asyncio.gather(*(attest(bill) for bill in bills))
    lost = next(it for it in log.stored if isinstance(it.event, JobSealed) and it.event.data.leaf_index == 1)
    log.stored.remove(lost)
    ledger = ledger_of("fresh")

    with pytest.raises(LogRefused, match="leaf 1 of 3"):
        await ledger.load()
    log.stored.append(lost)
    log.stored.sort(key=lambda it: it.sequence)
    await ledger.load()

    assert ledger.trouble is None
    assert ledger.size == 3


async def test_a_folder_ahead_of_the_log_is_refused(log, ledger_of, attesting, metered) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    log.stored[:] = [it for it in log.stored if not isinstance(it.event, JobSealed | LogCheckpointed)]

    with pytest.raises(LogRefused, match="lost events"):
        await ledger_of().load()


async def test_a_log_that_is_known_to_have_lost_receipts_goes_on_behind_what_was_published(
    tmp_path, log, keys, ledger_of, attesting, metered
) -> None:
    bills = await metered("j1", "j2", "j3")
    async with attesting(ledger_of()) as attest:
        await attest(bills[0])
        await attest(bills[1])
    published = verify_checkpoint((tmp_path / "log" / "checkpoint").read_text(), keys.trust).head
    seals = [it for it in log.stored if isinstance(it.event, JobSealed | LogCheckpointed)]
    for lost in seals[2:]:
        log.stored.remove(lost)
    ledger = ledger_of(losses_known=True)

    async with attesting(ledger) as attest:
        await attest(bills[2])

    newest = log.events(JobSealed)[-1]
    assert newest.data.leaf_index == 2
    head = verify_checkpoint(newest.data.checkpoint, keys.trust).head
    tiles = TileLog.open(tmp_path / "log", keys.trust)
    assert (head.size, tiles.root(2)) == (3, published.root)
    await ledger_of().load()  # a break that is behind is nothing to decide on again


async def test_what_was_published_is_no_excuse_for_another_log(
    tmp_path, log, keys, ledger_of, attesting, metered
) -> None:
    bills = await metered("j1", "j2", "j3")
    async with attesting(ledger_of()) as attest:
        await attest(bills[0])
        await attest(bills[1])
    log.stored[:] = [it for it in log.stored if not isinstance(it.event, JobSealed | LogCheckpointed)]
    async with attesting(ledger_of("other")) as attest:
        await attest(bills[2])

    with pytest.raises(LogRefused, match="lost events"):
        await ledger_of(losses_known=True).load()


async def test_a_log_under_another_name_is_refused(ledger_of, attesting, metered) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])

    with pytest.raises(LogRefused, match="another name"):
        await ledger_of("fresh", name="second").load()
