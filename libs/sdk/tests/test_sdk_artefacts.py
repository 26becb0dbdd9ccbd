"""Signatures of files."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._key import Key, SSlibKey

from queuebit import InvalidInput, NotVerified, sign_file, signing_keys, verify_file
from queuebit.artefacts import PREDICATE_TYPE, statement_digest
from queuebit_kernel import Json, SystemClock, canonical
from queuebit_proof import KeyRing, TileLog, WitnessFolder, rotate_keys, seal, sign_checkpoint, write_tlog_proof

SIGNER = "acme.example/releases"


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return signing_keys(tmp_path / "signing", SIGNER)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    file = tmp_path / "app-1.0.whl"
    file.write_bytes(b"content" * 100_000)
    return file


def test_a_signed_file_is_verified_with_the_trust_document(wheel: Path, keys: KeyRing, tmp_path: Path) -> None:
    envelope = sign_file(wheel, keys, source="commit 1f2e")
    found = verify_file(wheel, envelope, tmp_path / "signing" / "trust.json")
    assert (found.name, found.signer, found.source) == ("app-1.0.whl", SIGNER, "commit 1f2e")
    assert [it.partition(":")[0] for it in found.key_ids] == ["ed25519", "ml-dsa-65"]
    assert len(envelope) < 8_000
    assert signing_keys(tmp_path / "signing").trust == keys.trust, "the keys are made once"


def test_securesystemslib_verifies_both_signatures(wheel: Path, keys: KeyRing) -> None:
    read: dict[str, Callable[[bytes], Ed25519PublicKey | MLDSA65PublicKey]] = {
        "ed25519": Ed25519PublicKey.from_public_bytes,
        "ml-dsa-65": MLDSA65PublicKey.from_public_bytes,
    }
    theirs: list[Key] = [
        SSlibKey.from_crypto(read[it.algorithm](it.public), keyid=it.key_id)
        for it in keys.trust.keys
        if it.purpose == "statement"
    ]
    envelope = Envelope.from_dict(json.loads(sign_file(wheel, keys)))
    assert len(envelope.verify(theirs, threshold=2)) == 2
    statement = json.loads(envelope.payload)
    assert (statement["_type"], statement["predicateType"]) == ("https://in-toto.io/Statement/v1", PREDICATE_TYPE)
    envelope.payload = envelope.payload.replace(b"app-1.0", b"app-1.1")
    with pytest.raises(VerificationError):
        envelope.verify(theirs, threshold=1)


def test_a_changed_file_is_another_file(wheel: Path, keys: KeyRing) -> None:
    envelope = sign_file(wheel, keys)
    wheel.write_bytes(wheel.read_bytes()[:-1])
    with pytest.raises(NotVerified, match="was signed: it is another file, or was changed"):
        verify_file(wheel, envelope, keys.trust.to_bytes())


def without(number: int) -> Callable[[dict[str, list[object]]], None]:
    def change(document: dict[str, list[object]]) -> None:
        del document["signatures"][number]

    return change


def renamed(document: dict[str, str]) -> None:
    payload = base64.b64decode(document["payload"]).replace(b"app-1.0", b"app-1.1")
    document["payload"] = base64.b64encode(payload).decode()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (without(0), "no ed25519 signature"),
        (without(1), "no ml-dsa-65 signature"),
        (renamed, "does not match: the statement was altered"),
    ],
)
def test_both_signatures_are_required(change: Callable[[object], None], text: str, wheel: Path, keys: KeyRing) -> None:
    document = json.loads(sign_file(wheel, keys))
    change(document)
    with pytest.raises(NotVerified, match=text):
        verify_file(wheel, canonical(document), keys.trust.to_bytes())


def test_another_signer_is_not_trusted(wheel: Path, keys: KeyRing, tmp_path: Path) -> None:
    other = signing_keys(tmp_path / "other", SIGNER)
    with pytest.raises(NotVerified, match=f"no ed25519 signature by a key of {SIGNER}"):
        verify_file(wheel, sign_file(wheel, other), keys.trust.to_bytes())


def test_keys_that_were_replaced_sign_no_later_file(wheel: Path, keys: KeyRing, tmp_path: Path) -> None:
    before = sign_file(wheel, keys)
    late = seal(statement(), keys)
    changed = rotate_keys(tmp_path / "signing", SystemClock().now() + timedelta(days=1))
    assert verify_file(wheel, before, changed.trust.to_bytes()).signer == SIGNER
    with pytest.raises(NotVerified, match="was replaced at"):
        verify_file(wheel, late, changed.trust.to_bytes())


def statement(**changed: Json) -> bytes:
    base: dict[str, Json] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": "0" * 64}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"signer": SIGNER, "signed_at": "2999-01-01T00:00:00Z"},
    }
    return canonical(base | changed)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (statement(predicateType="https://queuebit.dev/attestations/job/v1"), "not an in-toto statement of type"),
        (statement(subject=[]), "not about one file"),
        (statement(subject=[{"name": "app", "digest": {"md5": "0"}}]), "missing or unexpected names"),
        (statement(predicate={"signed_at": "2000-01-01T00:00:00Z"}), "is only valid from"),
        (statement(predicate={}), "signed_at"),
        (statement(predicate=None), "no predicate"),
        (b"[]", "not a JSON object"),
    ],
)
def test_a_statement_about_something_else_does_not_verify_a_file(
    payload: bytes, text: str, wheel: Path, keys: KeyRing
) -> None:
    with pytest.raises(NotVerified, match=text):
        verify_file(wheel, seal(payload, keys), keys.trust.to_bytes())


def test_what_cannot_be_read_is_named(wheel: Path, keys: KeyRing, tmp_path: Path) -> None:
    envelope = sign_file(wheel, keys)
    with pytest.raises(InvalidInput, match="nothing cannot be read"):
        sign_file(tmp_path / "nothing", keys)
    with pytest.raises(InvalidInput, match="nothing cannot be read"):
        verify_file(wheel, tmp_path / "nothing", keys.trust.to_bytes())
    with pytest.raises(InvalidInput, match="not a trust document"):
        verify_file(wheel, envelope, b"{}")
    with pytest.raises(NotVerified, match="not a signed statement"):
        verify_file(wheel, wheel, keys.trust.to_bytes())


def test_keys_that_others_can_read_or_that_are_of_another_signer_are_refused(keys: KeyRing, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there are no keys"):
        signing_keys(tmp_path)
    with pytest.raises(InvalidInput, match=f"belong to {SIGNER}"):
        signing_keys(tmp_path / "signing", "acme.example/other")
    (tmp_path / "signing").chmod(0o755)
    with pytest.raises(InvalidInput, match="has mode 755"):
        signing_keys(tmp_path / "signing")


def logged(tmp_path: Path, envelope: bytes, at: datetime) -> tuple[str, Path]:
    """The proof that a statement is a leaf, and the trust document of its log."""
    ring = KeyRing.open(tmp_path / "log-keys", "log.example/main", at)
    log = TileLog(Path("unwritten"))
    log.append([bytes(32), bytes.fromhex(statement_digest(envelope).removeprefix("sha256:"))])
    head = sign_checkpoint(log.head(ring.origin), ring, at)
    return write_tlog_proof(1, log.inclusion(1), head), tmp_path / "log-keys" / "trust.json"


def test_a_signature_with_a_leaf_was_made_before_its_head(tmp_path: Path) -> None:
    file, keys = tmp_path / "app.whl", signing_keys(tmp_path / "keys", "acme.example/releases")
    file.write_bytes(b"content")
    envelope, trust = sign_file(file, keys), tmp_path / "keys" / "trust.json"
    now = SystemClock().now().replace(microsecond=0) + timedelta(seconds=1)
    proof, log_trust = logged(tmp_path, envelope, now)
    found = verify_file(file, envelope, trust, leaf=proof.encode(), log_trust=log_trust)
    assert found.leaf is not None
    assert (found.leaf.origin, found.leaf.index, found.leaf.size) == ("log.example/main", 1, 2)
    assert verify_file(file, envelope, trust, leaf=proof.encode()).leaf is None, (
        "without the log's keys it says nothing"
    )
    witness = str(WitnessFolder.open(tmp_path / "w1", "witness.example/w1").witnesses[0]).encode()
    with pytest.raises(NotVerified, match="did not cosign"):
        verify_file(file, envelope, trust, leaf=proof.encode(), log_trust=log_trust, witnesses=witness)
    with pytest.raises(InvalidInput):
        verify_file(file, envelope, trust, leaf=proof.encode(), log_trust=log_trust, witnesses=b"no key")
    with pytest.raises(NotVerified, match="there is no proof"):
        verify_file(file, envelope, trust, log_trust=log_trust)
    with pytest.raises(NotVerified, match="is not leaf 1"):
        verify_file(file, sign_file(file, keys, source="again"), trust, leaf=proof.encode(), log_trust=log_trust)
    with pytest.raises(NotVerified, match="did not sign"):
        verify_file(file, envelope, trust, leaf=proof.encode(), log_trust=trust)


def test_a_signature_that_claims_to_be_later_than_its_leaf_is_refused(tmp_path: Path) -> None:
    file, keys = tmp_path / "app.whl", signing_keys(tmp_path / "keys", "acme.example/releases")
    file.write_bytes(b"content")
    envelope = sign_file(file, keys)
    proof, log_trust = logged(tmp_path, envelope, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(NotVerified, match="the log had it at"):
        verify_file(file, envelope, tmp_path / "keys" / "trust.json", leaf=proof.encode(), log_trust=log_trust)
