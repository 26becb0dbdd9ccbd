"""A change of keys is a leaf; passphrases come from a file or from Vault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_contracts.job import JobSealed
from queuebit_contracts.query import Question
from queuebit_contracts.transparency import KeysRotated, LogCheckpointed
from queuebit_kernel import FixedClock
from queuebit_proof import (
    KeyRing,
    KeysUnsafe,
    Profile,
    SignerAway,
    TileLog,
    entry_of,
    open_envelope,
    rotate_keys,
    verify,
    verify_checkpoint,
)
from queuebit_provenance import keys as opening
from queuebit_provenance.adapters import publish_trust
from queuebit_provenance.keys import changes_in, folder_of, open_keys, record_changes
from queuebit_provenance.receipts import IssueReceipt
from queuebit_provenance.settings import Settings
from queuebit_testing.key_devices import needs_softhsm, soft_token
from queuebit_testing.memory import MemoryLog

from .attesting import Attesting, WriteLives
from .conftest import LedgerOf, MemorySeals
from .job_lives import BEGIN

LATER = BEGIN + timedelta(days=1)
AFTERWARDS = FixedClock(LATER + timedelta(seconds=1))
ORIGIN = "queuebit.local/main"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def old(folder: Path) -> KeyRing:
    return KeyRing.open(folder, ORIGIN, BEGIN)


async def test_a_change_of_keys_is_a_leaf_and_receipts_of_before_and_after_are_valid(
    folder: Path,
    tmp_path: Path,
    log: MemoryLog,
    old: KeyRing,
    ledger_of: LedgerOf,
    attesting: Attesting,
    metered: WriteLives,
) -> None:
    async with attesting(ledger_of(keys=old)) as attest:
        await attest((await metered("j1"))[0])
    before = IssueReceipt(log, MemorySeals(log), ledger_of("reading", keys=old), keys=old, trust=old.trust)
    kept = str((await before("acme", Question(job="j1"))).rows[0]["receipt"]).encode()

    new = rotate_keys(folder, LATER, profile=Profile.CNSA2)
    ledger = ledger_of(keys=new, clock=AFTERWARDS)
    await ledger.load()
    await record_changes(ledger, changes_in(folder, new.trust))
    await record_changes(ledger, changes_in(folder, new.trust))  # as at every start
    (change,) = log.events(KeysRotated)
    assert (change.data.trust_version, change.data.profile, change.data.leaf_index) == (2, "cnsa2", 1)
    opened = open_envelope(change.data.envelope.encode(), old.trust)
    assert change.data.statement == f"sha256:{entry_of(opened.payload).hex()}"
    head = verify_checkpoint(log.events(LogCheckpointed)[-1].data.checkpoint, new.trust)
    assert (head.head.size, head.keys[-1].algorithm) == (2, "ml-dsa-87")

    async with attesting(ledger) as attest:
        await attest((await metered("j2"))[0])
    assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 2]
    issue = IssueReceipt(log, MemorySeals(log), ledger_of("again", keys=new), keys=new, trust=new.trust)
    receipts = [str((await issue("acme", Question(job=it))).rows[0]["receipt"]).encode() for it in ("j1", "j2")]
    verified = [verify(it, new.trust, tenant="acme") for it in (kept, *receipts)]
    assert [it.receipt.leaf_index for it in verified] == [0, 0, 2]
    assert [it.signed_at >= LATER for it in verified] == [False, True, True]
    assert TileLog.open(tmp_path / "log", new.trust).size == 3


async def test_a_log_with_changes_of_keys_is_rebuilt_from_events(
    folder: Path, log: MemoryLog, old: KeyRing, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    async with attesting(ledger_of(keys=old)) as attest:
        await attest((await metered("j1"))[0])
    for number in (1, 2):
        at = BEGIN + timedelta(days=number)
        new = rotate_keys(folder, at)
        await record_changes(
            ledger_of(keys=new, clock=FixedClock(at + timedelta(seconds=1))), changes_in(folder, new.trust)
        )
    fresh = ledger_of("elsewhere", keys=new, clock=FixedClock(at + timedelta(hours=1)))
    await fresh.load()
    assert (fresh.size, fresh.trouble) == (3, None)


async def test_two_processes_record_a_change_once(
    folder: Path, log: MemoryLog, old: KeyRing, ledger_of: LedgerOf
) -> None:
    new = rotate_keys(folder, LATER)
    changes = changes_in(folder, new.trust)
    ledgers = [ledger_of(str(it), keys=new, clock=AFTERWARDS) for it in range(2)]
    await asyncio.gather(*(record_changes(it, changes) for it in ledgers))
    assert len(log.events(KeysRotated)) == 1


def test_the_document_of_the_new_keys_replaces_the_published_one(folder: Path, old: KeyRing, tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    publish_trust(old.trust, path)
    new = rotate_keys(folder, LATER)
    assert publish_trust(new.trust, path) == new.trust
    assert path.read_bytes() == new.trust.to_bytes()
    assert path.stat().st_mode & 0o777 == 0o644


@needs_softhsm
async def test_receipts_wait_for_a_token_that_is_away_and_none_is_lost(
    tmp_path: Path, log: MemoryLog, ledger_of: LedgerOf, attesting: Attesting, metered: WriteLives
) -> None:
    with soft_token(tmp_path / "softhsm") as token:
        signers = tmp_path / "signers.toml"
        references = {it: token.make_key(it) for it in ("statement", "checkpoint")}
        signers.write_text("".join(f"[{it}]\ned25519 = {json.dumps(name)}\n" for it, name in references.items()))
        ring = open_keys(settings_of(tmp_path, signers_file=signers), FixedClock(BEGIN), {})
        ledger = ledger_of(keys=ring)
        bills = await metered("j1", "j2")
        async with attesting(ledger) as attest:
            await attest(bills[0])
            with token.unplugged():
                with pytest.raises(SignerAway):
                    await attest(bills[1])
                assert "nothing can be signed: there is no token" in str(ledger.trouble)
            await attest(bills[1])  # as it is delivered again
        assert ledger.trouble is None
        assert [it.data.leaf_index for it in log.events(JobSealed)] == [0, 1]
        issue = IssueReceipt(log, MemorySeals(log), ledger_of("reading", keys=ring), keys=ring, trust=ring.trust)
        receipt = str((await issue("acme", Question(job="j2"))).rows[0]["receipt"]).encode()
        assert verify(receipt, ring.trust, tenant="acme")


def settings_of(folder: Path, **more: object) -> Settings:
    return Settings.model_validate({"data_dir": folder, **more})


def test_the_passphrase_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    word = tmp_path / "passphrase"
    word.write_text("correct horse\n")
    word.chmod(0o600)
    settings = settings_of(tmp_path, passphrase_file=word)
    ring = open_keys(settings, FixedClock(BEGIN), {})
    assert "encrypted" in json.loads((folder_of(settings) / "keys.json").read_bytes())
    assert KeyRing.load(folder_of(settings), b"correct horse").trust == ring.trust
    word.chmod(0o644)
    with pytest.raises(KeysUnsafe, match="chmod 600"):
        open_keys(settings, FixedClock(BEGIN), {})


def test_the_passphrase_lies_in_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vault(place: str, environment: Mapping[str, str]) -> str:
        assert (place, environment) == ("secret/data/queuebit#passphrase", {"VAULT_ADDR": "https://vault"})
        return "correct horse"

    monkeypatch.setattr(opening, "vault_secret", vault)
    settings = settings_of(tmp_path, passphrase_vault="secret/data/queuebit#passphrase")
    ring = open_keys(settings, FixedClock(BEGIN), {"VAULT_ADDR": "https://vault"})
    assert KeyRing.load(folder_of(settings), b"correct horse").trust == ring.trust


def test_there_is_one_passphrase(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, passphrase_vault="a#b", passphrase_file=tmp_path / "c")
    with pytest.raises(ValueError, match="set one of them"):
        open_keys(settings, FixedClock(BEGIN), {})


def test_a_deployment_can_require_cnsa2(tmp_path: Path) -> None:
    ring = open_keys(settings_of(tmp_path, profile="cnsa2"), FixedClock(BEGIN), {})
    assert ring.profile is Profile.CNSA2
    open_keys(settings_of(tmp_path / "other"), FixedClock(BEGIN), {})
    with pytest.raises(KeysUnsafe, match=r"qb keys rotate --profile cnsa2"):
        open_keys(settings_of(tmp_path / "other", profile="cnsa2"), FixedClock(BEGIN), {})
