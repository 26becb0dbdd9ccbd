from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pqcrypto import InvalidSignatureError
from pqcrypto.sign import ml_dsa_44

from queuebit_proof import Checkpoint, CheckpointInvalid, KeyRing, TrustRoot, sign_checkpoint, verify_checkpoint
from queuebit_proof.algorithms import Algorithm, is_signed
from queuebit_proof.note import Note, note_key_id, parse_vkey

SIGNED_AT = datetime(2026, 11, 20, 8, 0, 5, tzinfo=UTC)
PUBLISHED_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of C2SP signed-note."""


@pytest.fixture(scope="module")
def head(ring: KeyRing) -> Checkpoint:
    return Checkpoint(ring.origin, 70_000, bytes(range(32)))


@pytest.fixture(scope="module")
def checkpoint(head: Checkpoint, ring: KeyRing) -> str:
    return sign_checkpoint(head, ring, SIGNED_AT + timedelta(milliseconds=400))


def without_line(checkpoint: str, number: int) -> str:
    lines = checkpoint.splitlines(keepends=True)
    del lines[4 + number]
    return "".join(lines)


def test_the_published_example_of_a_signed_note_verifies() -> None:
    name, note_type, public = parse_vkey(PUBLISHED_VKEY)
    note = Note.parse(PUBLISHED_NOTE)
    (signature,) = note.by(name, note_key_id(name, note_type, public))
    assert (note.text, note_type) == ("This is an example message.\n", 0x01)
    assert is_signed(Algorithm.ED25519, public, signature, note.text.encode())
    assert str(note) == PUBLISHED_NOTE


@pytest.mark.parametrize(
    "line", ["", "a+b", PUBLISHED_VKEY.replace("530d", "530e"), PUBLISHED_VKEY[:-4], "example.com/foo+530d903a+"]
)
def test_a_malformed_verifier_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        parse_vkey(line)


def test_a_signed_checkpoint_verifies_and_has_its_time(checkpoint: str, head: Checkpoint, trust: TrustRoot) -> None:
    signed = verify_checkpoint(checkpoint, trust)
    assert signed.head == head
    assert signed.signed_at == SIGNED_AT
    assert [key.algorithm for key in signed.keys] == ["ed25519", "ml-dsa-44"]


def test_a_checkpoint_has_the_form_of_the_standard(checkpoint: str) -> None:
    lines = checkpoint.split("\n")
    assert lines[:4] == ["queuebit.example/log", "70000", base64.b64encode(bytes(range(32))).decode(), ""]
    assert [line.startswith("— queuebit.example/log ") for line in lines[4:-1]] == [True, True]
    assert len(checkpoint.encode()) < 3500


def test_another_implementation_of_ml_dsa_44_agrees(checkpoint: str, trust: TrustRoot) -> None:
    name, note_type, public = parse_vkey(trust.vkeys()[1])
    (signature,) = Note.parse(checkpoint).by(name, note_key_id(name, note_type, public))
    origin = bytes([len(name)]) + name.encode()
    numbers = (0).to_bytes(8) + (70_000).to_bytes(8)
    message = b"subtree/v1\n\x00" + origin + signature[:8] + origin + numbers + bytes(range(32))
    assert note_type == 0x06
    assert int.from_bytes(signature[:8]) == SIGNED_AT.timestamp()
    ml_dsa_44.verify(public, message, signature[8:])
    with pytest.raises(InvalidSignatureError):
        ml_dsa_44.verify(public, message + b"\x00", signature[8:])


@pytest.mark.parametrize(("removed", "missing"), [(0, "ed25519"), (1, "ml-dsa-44")])
def test_one_signature_alone_is_not_enough(checkpoint: str, trust: TrustRoot, removed: int, missing: str) -> None:
    with pytest.raises(CheckpointInvalid, match=f"no {missing} signature"):
        verify_checkpoint(without_line(checkpoint, removed), trust)


def test_signatures_of_witnesses_can_be_added(checkpoint: str, head: Checkpoint, trust: TrustRoot) -> None:
    witness = "— witness.example/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEg==\n"
    assert verify_checkpoint(checkpoint + 14 * witness, trust).head == head


def test_a_checkpoint_of_another_log_is_refused(checkpoint: str, trust: TrustRoot) -> None:
    with pytest.raises(CheckpointInvalid, match="the trusted log is"):
        verify_checkpoint(checkpoint, replace(trust, origin="elsewhere.example/log"))


def test_keys_do_not_sign_for_another_log(ring: KeyRing) -> None:
    with pytest.raises(ValueError, match="do not sign for"):
        sign_checkpoint(Checkpoint("elsewhere.example/log", 0, bytes(32)), ring, SIGNED_AT)


def test_a_checkpoint_signed_by_others_under_the_same_name_is_refused(
    head: Checkpoint, other_ring: KeyRing, trust: TrustRoot
) -> None:
    with pytest.raises(CheckpointInvalid, match="no ed25519 signature"):
        verify_checkpoint(sign_checkpoint(head, other_ring, SIGNED_AT), trust)


def test_an_altered_size_or_time_is_detected(checkpoint: str, trust: TrustRoot) -> None:
    with pytest.raises(CheckpointInvalid, match="ed25519 signature does not match"):
        verify_checkpoint(checkpoint.replace("\n70000\n", "\n70001\n"), trust)
    note = Note.parse(checkpoint)
    first, second = note.signatures
    later = replace(second, signature=b"\xff" + second.signature[1:])
    with pytest.raises(CheckpointInvalid, match="ml-dsa-44 signature does not match"):
        verify_checkpoint(str(Note(note.text, (first, later))), trust)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.replace("— ", "- "),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n70000\n", "\n070000\n"),
        lambda text: text.replace("\n70000\n", "\n-1\n"),
        lambda text: text.replace("\n\n", "\nextension\n\n"),
        lambda text: text.replace("\n70000\n", "\n"),
        lambda text: text + text.splitlines(keepends=True)[-1] * 40,
        lambda text: text + "— short AAAA\n",
        lambda text: text.replace("8=\n\n", "9=\n\n"),
    ],
    ids=[
        "empty",
        "cut",
        "no-blank",
        "dash",
        "crlf",
        "zeros",
        "negative",
        "extension",
        "no-size",
        "many",
        "short",
        "stray-bits",
    ],
)
def test_a_malformed_checkpoint_is_refused(checkpoint: str, trust: TrustRoot, change: object) -> None:
    assert callable(change)
    with pytest.raises(CheckpointInvalid, match="not a checkpoint"):
        verify_checkpoint(change(checkpoint), trust)
