"""Keys that are replaced, encrypted, of a stronger profile, or kept by a device."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer._key import Key, SSlibKey

from queuebit_kernel import canonical
from queuebit_proof import (
    SALT_BYTES,
    CheckpointInvalid,
    EnvelopeInvalid,
    JobRecord,
    KeyRing,
    KeysUnsafe,
    Profile,
    ReceiptInvalid,
    TileLog,
    TrustInvalid,
    TrustRoot,
    WitnessFolder,
    accept_rotation,
    build_statement,
    entry_of,
    issue,
    open_envelope,
    read_public,
    request_for,
    rotate_keys,
    rotations,
    seal,
    sign_checkpoint,
    verify,
    verify_checkpoint,
    verify_head,
)
from queuebit_proof.algorithms import Algorithm, Signer
from queuebit_proof.profiles import PROFILES, Purpose
from queuebit_proof.rotation import rotation_statement

from .conftest import BEGIN, ORIGIN

LATER = BEGIN + timedelta(days=30)
WORD = b"correct horse battery staple"


def keys_in(folder: Path, **options: object) -> KeyRing:
    return KeyRing.open(folder / "keys", ORIGIN, BEGIN, **options)  # type: ignore[arg-type]  # passed on


def receipt_by(record: JobRecord, statement: KeyRing, head: KeyRing, at: datetime) -> bytes:
    """A receipt whose statement and head are signed by these keys."""
    content = build_statement(record, salt=bytes(16))
    log = TileLog(Path("unwritten"))
    index = log.append([entry_of(content)])
    checkpoint = sign_checkpoint(log.head(ORIGIN), head, at)
    return issue(seal(content, statement), leaf_index=index, inclusion=log.inclusion(index), checkpoint=checkpoint)


def test_after_a_change_old_receipts_stay_valid_and_new_ones_need_the_new_keys(
    tmp_path: Path, record: JobRecord
) -> None:
    old = keys_in(tmp_path)
    before = receipt_by(record, old, old, LATER - timedelta(days=1))
    new = rotate_keys(tmp_path / "keys", LATER)
    assert verify(before, new.trust).signed_at < LATER
    after = receipt_by(record, new, new, LATER + timedelta(days=1))
    assert verify(after, new.trust).receipt.tenant == "acme"
    with pytest.raises(ReceiptInvalid, match=r"no ed25519 signature .* newer than your trust document"):
        verify(after, old.trust)
    stolen = receipt_by(record, old, old, LATER + timedelta(days=1))
    with pytest.raises(ReceiptInvalid, match="was replaced at") as caught:
        verify(stolen, new.trust)
    assert caught.value.check == "keys"


def test_a_witness_signs_no_head_by_keys_that_were_replaced(tmp_path: Path) -> None:
    old = keys_in(tmp_path)
    log = TileLog(Path("unwritten"))
    log.append([bytes(32)])
    before = sign_checkpoint(log.head(ORIGIN), old, LATER - timedelta(days=1))
    new = rotate_keys(tmp_path / "keys", LATER)
    stolen = sign_checkpoint(log.head(ORIGIN), old, LATER + timedelta(seconds=1))
    early = sign_checkpoint(log.head(ORIGIN), new, LATER - timedelta(seconds=1))
    witness = WitnessFolder.open(tmp_path / "witness", "witness.example/w1")
    for head, text in ((stolen, "was replaced at"), (early, "only valid from")):
        with pytest.raises(CheckpointInvalid, match=text):
            witness.cosign(str(request_for(log, 0, head)), new.trust, LATER)
    assert witness.last(ORIGIN) is None
    assert verify_head(before, new.trust).head.size == 1
    assert witness.cosign(str(request_for(log, 0, before)), new.trust, LATER)


@pytest.mark.parametrize("mixed", ["statement", "head"])
def test_keys_of_two_times_do_not_count_together(tmp_path: Path, record: JobRecord, mixed: str) -> None:
    old = keys_in(tmp_path)
    new = rotate_keys(tmp_path / "keys", LATER)
    first, second = (old, new) if mixed == "statement" else (new, old)
    with pytest.raises(ReceiptInvalid, match="when it was not valid"):
        verify(receipt_by(record, first, second, LATER + timedelta(days=1)), new.trust)


def test_one_signature_of_each_time_is_not_enough(tmp_path: Path) -> None:
    old = keys_in(tmp_path)
    new = rotate_keys(tmp_path / "keys", LATER)
    first, second = json.loads(seal(b"{}", old)), json.loads(seal(b"{}", new))
    first["signatures"][1] = second["signatures"][1]
    with pytest.raises(EnvelopeInvalid, match="no ed25519 signature"):
        open_envelope(canonical(first), new.trust)


def test_private_keys_that_were_replaced_are_deleted(tmp_path: Path) -> None:
    keys_in(tmp_path)
    before = json.loads((tmp_path / "keys" / "keys.json").read_bytes())["seeds"]
    rotate_keys(tmp_path / "keys", LATER)
    files = b"".join(it.read_bytes() for it in (tmp_path / "keys").iterdir())
    assert len(before) == 4
    assert not [it for it in before.values() if it.encode() in files]


def test_a_chain_of_changes_leads_from_the_first_document_to_the_newest(tmp_path: Path) -> None:
    first = keys_in(tmp_path).trust
    documents = [first, *(rotate_keys(tmp_path / "keys", BEGIN + timedelta(days=it)).trust for it in (1, 2, 3))]
    signed = rotations(tmp_path / "keys")
    assert [*signed] == [2, 3, 4]
    assert len(documents[-1].keys) == 16
    for old, new in pairwise(documents):
        accept_rotation(signed[new.version], old, TrustRoot.parse(new.to_bytes()))
    with pytest.raises(TrustInvalid, match="not about this trust document"):
        accept_rotation(signed[2], documents[0], documents[2])
    with pytest.raises(TrustInvalid, match="not signed by the keys that you trust"):
        accept_rotation(signed[3], documents[0], documents[2])


def _without_old_keys(trust: TrustRoot) -> TrustRoot:
    return replace(trust, keys=trust.current.keys)


def _with_old_keys_in_use(trust: TrustRoot) -> TrustRoot:
    return replace(trust, keys=tuple(replace(it, valid_until=None) for it in trust.keys))


@pytest.mark.parametrize("change", [_without_old_keys, _with_old_keys_in_use])
def test_a_document_that_differs_from_the_signed_one_is_not_accepted(
    tmp_path: Path, change: Callable[[TrustRoot], TrustRoot]
) -> None:
    old = keys_in(tmp_path).trust
    new = rotate_keys(tmp_path / "keys", LATER).trust
    with pytest.raises(TrustInvalid, match="not about this trust document"):
        accept_rotation(rotations(tmp_path / "keys")[2], old, change(new))


@pytest.mark.parametrize("change", [_without_old_keys, _with_old_keys_in_use])
def test_a_signed_document_that_does_not_keep_and_end_the_old_keys_is_not_accepted(
    tmp_path: Path, change: Callable[[TrustRoot], TrustRoot]
) -> None:
    old = keys_in(tmp_path)
    new = change(rotate_keys(tmp_path / "keys", LATER).trust)
    signed = seal(rotation_statement(old.trust, new, salt=bytes(SALT_BYTES)), old)
    with pytest.raises(TrustInvalid, match="does not keep all earlier keys and end them"):
        accept_rotation(signed, old.trust, new)


def test_keys_that_were_replaced_change_no_keys(tmp_path: Path) -> None:
    first = keys_in(tmp_path)
    second, third = (rotate_keys(tmp_path / "keys", LATER + timedelta(days=it)).trust for it in (0, 1))
    signed = seal(rotation_statement(second, third, salt=bytes(SALT_BYTES)), first)
    with pytest.raises(TrustInvalid, match="keys that were replaced before"):
        accept_rotation(signed, second, third)


def test_a_change_is_refused_while_the_clock_is_before_the_last_one(tmp_path: Path) -> None:
    keys_in(tmp_path)
    with pytest.raises(KeysUnsafe, match="set the clock right"):
        rotate_keys(tmp_path / "keys", BEGIN)


def test_a_document_without_changes_is_as_before(trust: TrustRoot) -> None:
    """Fingerprints that people compared stay valid."""
    document = json.loads(trust.to_bytes())
    assert [*document] == ["type", "version", "origin", "policy", "keys"]
    assert all("valid_until" not in it for it in document["keys"])
    assert document["policy"]["checkpoint"] == ["ed25519", "ml-dsa-44"]


def test_keys_of_before_are_read_and_can_be_replaced(tmp_path: Path) -> None:
    now = keys_in(tmp_path)
    path = tmp_path / "keys" / "keys.json"
    seeds = json.loads(path.read_bytes())["seeds"]
    path.write_text(json.dumps({"origin": ORIGIN, "valid_from": "2026-11-20T08:00:00.000000Z", "seeds": seeds}))
    assert keys_in(tmp_path).trust == now.trust
    assert rotate_keys(tmp_path / "keys", LATER).trust.version == 2


# --- encryption at rest


def test_encrypted_keys_need_their_passphrase(tmp_path: Path) -> None:
    ring = keys_in(tmp_path, passphrase=WORD)
    assert "seeds" not in json.loads((tmp_path / "keys" / "keys.json").read_bytes())
    assert KeyRing.load(tmp_path / "keys", WORD).trust == ring.trust
    assert read_public(tmp_path / "keys") == ring.trust, "public keys need no passphrase"
    for wrong, why in ((None, "no passphrase is given"), (b"guess", "passphrase is wrong")):
        with pytest.raises(KeysUnsafe, match=why):
            KeyRing.load(tmp_path / "keys", wrong)


def test_keys_in_plain_text_are_encrypted_once_there_is_a_passphrase(tmp_path: Path) -> None:
    ring = keys_in(tmp_path)
    seeds = [*json.loads((tmp_path / "keys" / "keys.json").read_bytes())["seeds"].values()]
    again = keys_in(tmp_path, passphrase=WORD)
    assert again.trust == ring.trust
    content = (tmp_path / "keys" / "keys.json").read_text()
    assert not [it for it in seeds if it in content]


def test_a_change_keeps_the_encryption(tmp_path: Path) -> None:
    keys_in(tmp_path, passphrase=WORD)
    new = rotate_keys(tmp_path / "keys", LATER, passphrase=WORD)
    assert keys_in(tmp_path, passphrase=WORD).trust == new.trust
    with pytest.raises(KeysUnsafe, match="encrypted"):
        KeyRing.load(tmp_path / "keys")


@pytest.mark.parametrize(
    ("name", "value"),
    [("n", 2**20), ("kdf", "none"), ("cipher", "none"), ("salt", "AAAA"), ("nonce", "AAAAAAAAAAAAAAAA")],
)
def test_an_altered_encryption_is_refused(tmp_path: Path, name: str, value: object) -> None:
    keys_in(tmp_path, passphrase=WORD)
    path = tmp_path / "keys" / "keys.json"
    document = json.loads(path.read_bytes())
    document["encrypted"][name] = value
    path.write_text(json.dumps(document))
    with pytest.raises(KeysUnsafe, match=r"passphrase is wrong|is damaged"):
        KeyRing.load(tmp_path / "keys", WORD)


def test_a_public_key_that_was_exchanged_is_found(tmp_path: Path, other_ring: KeyRing) -> None:
    """Encrypted, by the authentication of the file; in plain text, because the private key is of another one."""
    for options in ({}, {"passphrase": WORD}):
        folder = tmp_path / str(len(options))
        keys_in(folder, **options)
        path = folder / "keys" / "keys.json"
        document = json.loads(path.read_bytes())
        foreign = json.loads(other_ring.trust.to_bytes())["keys"][1]["public_key"]
        document["keys"][1]["public_key"] = foreign
        path.write_text(json.dumps(document))
        with pytest.raises(KeysUnsafe):
            KeyRing.load(folder / "keys", WORD if options else None)


# --- profiles


def test_cnsa2_signs_with_ml_dsa_87_everywhere(tmp_path: Path, record: JobRecord) -> None:
    ring = keys_in(tmp_path, profile=Profile.CNSA2)
    receipt = receipt_by(record, ring, ring, LATER)
    found = verify(receipt, TrustRoot.parse(ring.trust.to_bytes()))
    assert "ed25519 and ml-dsa-87" in found.checks[1].sentence
    assert "ed25519 and ml-dsa-44 and ml-dsa-87" in found.checks[3].sentence
    assert len(receipt) <= 24 * 1024
    document = json.loads(ring.trust.to_bytes())
    assert document["policy"]["statement"] == ["ed25519", "ml-dsa-87"]
    assert {it["algorithm"] for it in document["keys"] if it["purpose"] == "statement"} == {"ed25519", "ml-dsa-87"}


def test_an_independent_program_verifies_ml_dsa_87(tmp_path: Path) -> None:
    ring = keys_in(tmp_path, profile=Profile.CNSA2)
    classic, quantum = ring.trust.keys[:2]
    keys: list[Key] = [
        SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(classic.public), keyid=classic.key_id),
        SSlibKey.from_crypto(MLDSA87PublicKey.from_public_bytes(quantum.public), keyid=quantum.key_id),
    ]
    assert len(Envelope.from_dict(json.loads(seal(b"{}", ring))).verify(keys, threshold=2)) == 2


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_a_head_of_cnsa2_needs_all_three_signatures(tmp_path: Path, removed: int) -> None:
    ring = keys_in(tmp_path, profile=Profile.CNSA2)
    lines = sign_checkpoint(TileLog(Path("unwritten")).head(ORIGIN), ring, LATER).splitlines(keepends=True)
    assert verify_checkpoint("".join(lines), ring.trust).head.size == 0
    del lines[4 + removed]
    with pytest.raises(CheckpointInvalid, match=f"no {PROFILES[Profile.CNSA2][Purpose.CHECKPOINT][removed]} signature"):
        verify_checkpoint("".join(lines), ring.trust)


def test_signatures_of_two_times_are_not_one_head(tmp_path: Path) -> None:
    ring = keys_in(tmp_path, profile=Profile.CNSA2)
    head = TileLog(Path("unwritten")).head(ORIGIN)
    first, second = (sign_checkpoint(head, ring, LATER + timedelta(days=it)).splitlines(keepends=True) for it in (0, 1))
    with pytest.raises(CheckpointInvalid, match="different times"):
        verify_checkpoint("".join([*first[:6], second[6]]), ring.trust)


def test_a_log_gets_stronger_keys_and_never_weaker_ones(tmp_path: Path, record: JobRecord) -> None:
    old = keys_in(tmp_path)
    before = receipt_by(record, old, old, LATER - timedelta(days=1))
    new = rotate_keys(tmp_path / "keys", LATER, profile=Profile.CNSA2)
    assert verify(before, new.trust)
    assert keys_in(tmp_path, profile=Profile.CNSA2).profile is Profile.CNSA2
    with pytest.raises(KeysUnsafe, match="never get weaker"):
        rotate_keys(tmp_path / "keys", LATER + timedelta(days=1), profile=Profile.DEFAULT)
    with pytest.raises(KeysUnsafe, match="default is required"):
        keys_in(tmp_path, profile=Profile.DEFAULT)


def test_a_document_that_goes_back_to_weaker_keys_is_refused(tmp_path: Path, ring: KeyRing) -> None:
    strong = keys_in(tmp_path, profile=Profile.CNSA2)
    later = tuple(replace(it, valid_from=LATER) for it in ring.trust.keys)
    with pytest.raises(TrustInvalid, match="goes back from cnsa2 to default"):
        TrustRoot(2, ORIGIN, (*strong.trust.keys, *later))


def test_a_document_that_claims_a_weaker_policy_is_refused(tmp_path: Path, ring: KeyRing) -> None:
    strong = keys_in(tmp_path, profile=Profile.CNSA2)
    document = json.loads(strong.trust.to_bytes())
    document["policy"] = json.loads(ring.trust.to_bytes())["policy"]
    with pytest.raises(TrustInvalid, match="not that of its newest keys"):
        TrustRoot.parse(json.dumps(document).encode())


# --- keys that stay elsewhere


@dataclass(frozen=True)
class Device:
    """As an HSM, a KMS or a signing service is seen: it gives its public key, and signs."""

    inner: Signer
    calls: list[int]

    @property
    def algorithm(self) -> Algorithm:
        return self.inner.algorithm

    @property
    def public(self) -> bytes:
        return self.inner.public

    def sign(self, message: bytes) -> bytes:
        self.calls.append(len(message))
        return self.inner.sign(message)


def test_keys_may_stay_in_a_device(tmp_path: Path, record: JobRecord) -> None:
    inside, calls = keys_in(tmp_path), list[int]()
    devices = {use: Device(key, calls) for use, key in inside._keys.items()}
    ring = KeyRing(inside.trust, devices)
    assert verify(receipt_by(record, ring, ring, LATER), inside.trust)
    assert len(calls) == 4
