"""Witnesses are asked over HTTP for each new head, and their lines are in receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_contracts.query import Question
from queuebit_proof import (
    KeyRing,
    ReceiptInvalid,
    TrustInvalid,
    cosignatures,
    read_witness_addresses,
    verify,
)
from queuebit_provenance import witnesses
from queuebit_provenance.receipts import IssueReceipt
from queuebit_provenance.witnesses import AskWitnesses, addresses_in, post
from queuebit_testing.memory import MemoryLog

from .attesting import Attesting, WriteLives
from .conftest import LedgerOf, MemorySeals
from .job_lives import BEGIN
from .witness_program import WitnessProgram, running

NAME = "witness.example.org/w1"


@dataclass(frozen=True)
class Witnessed:
    """A witness, its address, and what asks it; `again` is a process that has just started."""

    program: WitnessProgram
    address: str
    again: Callable[[], AskWitnesses]


@pytest.fixture
def witnessed(tmp_path: Path, keys: KeyRing, ledger_of: LedgerOf) -> Iterator[Witnessed]:
    program = WitnessProgram(tmp_path / "w1", NAME, keys.trust, BEGIN + timedelta(minutes=1))
    with running(program) as address:

        def again() -> AskWitnesses:
            asked = {address: program.witnesses}
            file = tmp_path / "cosigned"
            return AskWitnesses(ledger_of("reading"), asked, trust=keys.trust, file=file, every_s=1, post=post)

        yield Witnessed(program, address, again)


async def test_a_head_is_cosigned_and_its_receipts_have_the_lines(
    log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives, witnessed: Witnessed
) -> None:
    asking, first = witnessed.again(), await metered("j1")
    await asking.ask()
    assert asking.newest is None, "there is no head yet"
    async with attesting(ledger_of()) as attest:
        await attest(first[0])
        await asking.ask()
        await asking.ask()
        assert len(witnessed.program.requests) == 1, "a head is asked for once"
        await attest((await metered("j2"))[0])
        await asking.ask()
    assert [it.split("\n")[0] for it in witnessed.program.requests] == ["old 0", "old 1"]
    issue = IssueReceipt(
        log, MemorySeals(log), ledger_of("reading"), keys=keys, trust=keys.trust, witnessed=lambda: asking.newest
    )
    for job in ("j1", "j2"):
        receipt = str((await issue("acme", Question(job=job))).rows[0]["receipt"]).encode()
        found = verify(receipt, keys.trust, job=job, witnesses=witnessed.program.witnesses)
        assert found.checks[-1].name == "witnesses"
        assert NAME in found.checks[-1].sentence
        assert found.receipt.tree_size == 2
    assert len(receipt) < 16 * 1024


async def test_a_receipt_without_the_lines_is_refused_if_they_are_required(
    log: MemoryLog, keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives, witnessed: Witnessed
) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    issue = IssueReceipt(log, MemorySeals(log), ledger_of("reading"), keys=keys, trust=keys.trust)
    receipt = str((await issue("acme", Question(job="j1"))).rows[0]["receipt"]).encode()
    assert verify(receipt, keys.trust)
    with pytest.raises(ReceiptInvalid, match="did not cosign") as refused:
        verify(receipt, keys.trust, witnesses=witnessed.program.witnesses)
    assert refused.value.check == "witnesses"


async def test_a_process_that_starts_again_learns_what_the_witness_knows(
    ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives, witnessed: Witnessed
) -> None:
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
        await witnessed.again().ask()
        started = witnessed.again()
        assert started.newest is not None, "the newest cosigned head is kept in a file"
        await attest((await metered("j2"))[0])
        await started.ask()
    assert [it.split("\n")[0] for it in witnessed.program.requests] == ["old 0", "old 0", "old 1"]
    assert started.newest is not None
    assert started.newest[1].head.size == 2


async def test_a_witness_that_is_away_is_asked_again(
    ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives, witnessed: Witnessed
) -> None:
    asking, witnessed.program.away = witnessed.again(), True
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
        await asking.ask()
        assert asking.newest is None
        witnessed.program.away = False
        await asking.ask()
    assert asking.newest is not None
    assert len(cosignatures(asking.newest[0], witnessed.program.witnesses)) == 2


async def test_a_head_that_fewer_witnesses_signed_does_not_replace_an_equal_one_and_a_larger_one_does(
    keys: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives, witnessed: Witnessed, tmp_path: Path
) -> None:
    second = WitnessProgram(tmp_path / "w2", "witness.example.org/w2", keys.trust, BEGIN + timedelta(minutes=1))
    both = (*witnessed.program.witnesses, *second.witnesses)
    with running(second) as address:
        asked = {witnessed.address: witnessed.program.witnesses, address: second.witnesses}

        def again() -> AskWitnesses:
            heads = tmp_path / "heads"
            return AskWitnesses(ledger_of("reading"), asked, trust=keys.trust, file=heads, every_s=1, post=post)

        def signed(asking: AskWitnesses) -> tuple[int, int]:
            assert asking.newest is not None
            return asking.newest[1].head.size, len(cosignatures(asking.newest[0], both))

        async with attesting(ledger_of()) as attest:
            await attest((await metered("j1"))[0])
            await again().ask()
            second.away, started = True, again()
            await started.ask()
            assert signed(started) == signed(again()) == (1, 4)
            await attest((await metered("j2"))[0])
            await started.ask()
            assert signed(started) == signed(again()) == (2, 2)
            second.away = False
            await started.ask()
            assert signed(started) == signed(again()) == (2, 4)


async def test_a_witness_that_knows_more_entries_than_the_log_has_is_not_asked_again(
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    witnessed: Witnessed,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bodies: list[bytes] = []

    async def knows_more(_: str, body: bytes) -> tuple[int, bytes]:
        bodies.append(body)
        return 409, b"2\n"

    asked = {"https://w.example": witnessed.program.witnesses}
    ledger = ledger_of("reading")
    asking = AskWitnesses(ledger, asked, trust=keys.trust, file=tmp_path / "c", every_s=1, post=knows_more)
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    await asking.ask()
    assert [it.split(b"\n")[0] for it in bodies] == [b"old 0"]
    assert "it knows 2 entries of this log, which has 1" in caplog.text


@pytest.mark.parametrize(
    "answer", [(200, b"no line"), (200, b"\xff"), (409, b"999\n"), (409, b"x"), (404, b""), (500, b"")]
)
async def test_a_witness_that_answers_nonsense_changes_nothing(
    tmp_path: Path,
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    witnessed: Witnessed,
    answer: tuple[int, bytes],
) -> None:
    async def nonsense(address: str, body: bytes) -> tuple[int, bytes]:
        assert (address, body[:4]) == ("https://w.example/add-checkpoint", b"old ")
        return answer

    asked = {"https://w.example": witnessed.program.witnesses}
    ledger = ledger_of("reading")
    asking = AskWitnesses(ledger, asked, trust=keys.trust, file=tmp_path / "c", every_s=1, post=nonsense)
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
    await asking.ask()
    assert asking.newest is None
    assert not (tmp_path / "c").exists()


async def test_a_witness_that_never_ends_its_answer_does_not_keep_the_others_waiting(
    keys: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
    witnessed: Witnessed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(witnesses, "_WITHIN_S", 0.5)
    slow = WitnessProgram(tmp_path / "w2", "witness.example.org/w2", keys.trust, BEGIN)

    async def sent(address: str, body: bytes) -> tuple[int, bytes]:
        if address.startswith("https://slow"):
            await asyncio.Event().wait()
        return await post(address, body)

    asked = {"https://slow.example": slow.witnesses, witnessed.address: witnessed.program.witnesses}
    asking = AskWitnesses(ledger_of("reading"), asked, trust=keys.trust, file=tmp_path / "heads", every_s=1, post=sent)
    async with attesting(ledger_of()) as attest:
        await attest((await metered("j1"))[0])
        await asking.ask()
    assert asking.newest is not None
    assert [it.witness.name for it in cosignatures(asking.newest[0], witnessed.program.witnesses)] == [NAME, NAME]


def test_the_file_of_witnesses_has_keys_with_addresses(tmp_path: Path, witnessed: Witnessed) -> None:
    one, other = witnessed.program.witnesses
    file = tmp_path / "witnesses"
    file.write_text(f"# ours\n{one} {witnessed.address}/\n{other} {witnessed.address}\n")
    assert addresses_in(file) == {witnessed.address: (one, other)}
    assert addresses_in(None) == {}
    for wrong in (str(one), f"{one} ftp://x", f"{one} https://x y", "x https://x"):
        with pytest.raises(TrustInvalid):
            read_witness_addresses(wrong)
