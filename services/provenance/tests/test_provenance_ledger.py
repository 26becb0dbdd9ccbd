"""Logs, folders, keys and clocks that do not match: what is rebuilt, and what is refused."""

from __future__ import annotations

import asyncio
import errno
from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_contracts.job import JobSealed
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_kernel import FixedClock
from queuebit_proof import KeyRing, TileLog, verify, verify_checkpoint
from queuebit_provenance.errors import LogRefused
from queuebit_testing.memory import MemoryLog

from .attesting import Attesting, ReceiptOf, WriteLives
from .conftest import LedgerOf


async def test_tiles_that_lag_are_caught_up(
    tmp_path: Path, keys: KeyRing, log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    async with attesting(ledger_of("elsewhere")) as attest:
        await attest((await metered("j2"))[0])
    await ledger_of().load()
    assert TileLog.open(tmp_path / "log", keys.trust).published == 2


async def test_a_process_whose_files_lag_does_not_replace_newer_ones_of_another(
    tmp_path: Path, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    """Both had published a moment before, so both wrote later; the last to write could have the older checkpoint."""
    bills, one, other = await metered("j1", "j2", "j3", "j4"), ledger_of(), ledger_of()
    async with attesting(one) as first, attesting(other) as second:
        for attest, bill in zip((first, second, first, second), bills, strict=True):
            await attest(bill)
    await other.publish()
    await one.publish()
    assert TileLog.open(tmp_path / "log", keys.trust).published == 4


@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/000.p/2", "tile/0/000.p/2"])
@pytest.mark.parametrize("content", [b"", b"torn", bytes(4096), None])
async def test_a_damaged_folder_is_rebuilt_automatically(
    tmp_path: Path,
    keys: KeyRing,
    log: MemoryLog,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    name: str,
    content: bytes | None,
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
    tmp_path: Path,
    keys: KeyRing,
    log: MemoryLog,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    monkeypatch: pytest.MonkeyPatch,
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


async def test_a_log_of_other_keys_is_refused(
    tmp_path: Path, log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
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


async def test_nothing_is_signed_while_the_clock_is_before_the_keys(
    log: MemoryLog,
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    receipt_of: ReceiptOf,
) -> None:
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
    verify(await receipt_of(seal.data), keys.trust)


async def test_a_clock_that_goes_back_is_named_before_and_while_jobs_wait(
    log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
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


async def test_a_service_that_starts_while_the_clock_is_back_says_so(
    keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    ledger = ledger_of("fresh", clock=FixedClock(keys.trust.keys[0].valid_from - timedelta(hours=1)))
    await ledger.load()
    assert "nothing can be signed" in str(ledger.trouble)


async def test_a_log_that_lost_a_seal_is_refused_until_it_is_back(
    log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
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


async def test_a_folder_ahead_of_the_log_is_refused(
    log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    log.stored[:] = [it for it in log.stored if not isinstance(it.event, JobSealed | LogCheckpointed)]

    with pytest.raises(LogRefused, match="lost events"):
        await ledger_of().load()


async def test_a_log_that_is_known_to_have_lost_receipts_goes_on_behind_what_was_published(
    tmp_path: Path, log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
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

    assert log.events(JobSealed)[-1].data.leaf_index == 2
    head = verify_checkpoint(log.events(LogCheckpointed)[-1].data.checkpoint, keys.trust).head
    tiles = TileLog.open(tmp_path / "log", keys.trust)
    assert (head.size, tiles.root(2)) == (3, published.root)
    await ledger_of().load()  # a break that is behind is nothing to decide on again


async def test_what_was_published_is_no_excuse_for_another_log(
    tmp_path: Path, log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
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


async def test_a_log_under_another_name_is_refused(
    ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])

    with pytest.raises(LogRefused, match="another name"):
        await ledger_of("fresh", name="second").load()
