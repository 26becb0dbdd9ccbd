"""Witnesses: what they sign, what they refuse, and how their lines are added and verified."""

from __future__ import annotations

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pqcrypto.sign import ml_dsa_44

from queuebit_proof import (
    Checkpoint,
    CheckpointInvalid,
    KeyRing,
    KeysUnsafe,
    LogInconsistent,
    TileLog,
    TrustInvalid,
    TrustRoot,
    Witness,
    WitnessFolder,
    add_cosignatures,
    cosign,
    cosignatures,
    read_request,
    read_witnesses,
    request_for,
    require_continuation,
    require_entries,
    require_witnesses,
    sign_checkpoint,
    verify_checkpoint,
)
from queuebit_proof.algorithms import Algorithm, SigningKey
from queuebit_proof.note import vkey

from .conftest import BEGIN, ORIGIN, entries

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
NAME = "witness.example/w1"


def log_of(size: int, salt: str = "") -> TileLog:
    log = TileLog(Path("unwritten"))
    log.append(entries(size, salt))
    return log


def head_of(log: TileLog, ring: KeyRing) -> str:
    return sign_checkpoint(log.head(ORIGIN), ring, BEGIN + timedelta(minutes=log.size))


def request(ring: KeyRing, old: int, size: int, salt: str = "") -> str:
    log = log_of(size, salt)
    return str(request_for(log, old, head_of(log, ring)))


@pytest.fixture
def witness(tmp_path: Path) -> WitnessFolder:
    return WitnessFolder.open(tmp_path / "witness", NAME)


def test_a_witness_cosigns_each_head_that_continues_the_last(
    witness: WitnessFolder, ring: KeyRing, trust: TrustRoot
) -> None:
    assert witness.last(ORIGIN) is None
    for old, size in ((0, 5), (5, 5), (5, 300), (300, 301)):
        asked = request(ring, old, size)
        checkpoint = read_request(asked).checkpoint
        lines = witness.cosign(asked, trust, NOW)
        cosigned = add_cosignatures(checkpoint, lines, witness.witnesses, trust)
        assert cosigned == checkpoint + lines
        found = cosignatures(cosigned, witness.witnesses)
        assert [(it.witness.algorithm, it.at) for it in found] == [("ed25519", NOW), ("ml-dsa-44", NOW)]
        assert verify_checkpoint(cosigned, trust).head.size == size, "the log's own signatures stay valid"
        assert witness.last(ORIGIN) == log_of(size).head(ORIGIN)


def test_other_implementations_verify_both_lines(witness: WitnessFolder, ring: KeyRing, trust: TrustRoot) -> None:
    asked = request(ring, 0, 5)
    first, second = witness.cosign(asked, trust, NOW).splitlines()
    text = "\n".join(read_request(asked).checkpoint.split("\n")[:3]) + "\n"
    classic, quantum = witness.witnesses
    seconds = int(NOW.timestamp())
    content = base64.b64decode(first.split(" ")[2])
    assert int.from_bytes(content[4:12]) == seconds
    key = Ed25519PublicKey.from_public_bytes(classic.public)
    key.verify(content[12:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
    content = base64.b64decode(second.split(" ")[2])
    name, origin = (bytes([len(it)]) + it.encode() for it in (NAME, ORIGIN))
    tree = bytes(8) + (5).to_bytes(8) + log_of(5).root()
    ml_dsa_44.verify(quantum.public, b"subtree/v1\n\x00" + name + content[4:12] + origin + tree, content[12:])
    assert [base64.b64decode(str(it).split("+", 2)[2])[0] for it in witness.witnesses] == [0x04, 0x06]


@pytest.mark.parametrize(
    ("old", "size", "salt", "kind"),
    [(20, 10, "", "rolled_back"), (20, 30, "other", "forked"), (20, 20, "other", "forked")],
)
def test_a_witness_refuses_another_history_and_remembers_the_first(
    witness: WitnessFolder, ring: KeyRing, trust: TrustRoot, old: int, size: int, salt: str, kind: str
) -> None:
    witness.cosign(request(ring, 0, 20), trust, NOW)
    asked = replace(read_request(request(ring, min(old, size), size, salt)), old=old)
    with pytest.raises(LogInconsistent) as caught:
        witness.cosign(str(asked), trust, NOW)
    assert caught.value.kind == kind
    assert witness.last(ORIGIN) == log_of(20).head(ORIGIN)


def test_a_request_from_another_size_is_refused(witness: WitnessFolder, ring: KeyRing, trust: TrustRoot) -> None:
    witness.cosign(request(ring, 0, 20), trust, NOW)
    with pytest.raises(CheckpointInvalid, match="this witness knows the log of 20"):
        witness.cosign(request(ring, 10, 30), trust, NOW)


def test_a_head_that_the_log_did_not_sign_is_refused(
    witness: WitnessFolder, other_ring: KeyRing, trust: TrustRoot
) -> None:
    with pytest.raises(CheckpointInvalid, match="no ed25519 signature"):
        witness.cosign(request(other_ring, 0, 20), trust, NOW)
    assert witness.last(ORIGIN) is None


def test_two_requests_at_once_do_not_roll_back(witness: WitnessFolder, ring: KeyRing, trust: TrustRoot) -> None:
    def asked(size: int) -> bool:
        try:
            witness.cosign(request(ring, 0, size), trust, NOW)
        except CheckpointInvalid:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(asked, (7, 8, 9, 10))) == 1


def test_lines_of_unknown_witnesses_are_left_out(
    witness: WitnessFolder, ring: KeyRing, trust: TrustRoot, tmp_path: Path
) -> None:
    other = WitnessFolder.open(tmp_path / "other", "witness.example/w2")
    asked = request(ring, 0, 20)
    checkpoint = read_request(asked).checkpoint
    theirs, lines = other.cosign(asked, trust, NOW), witness.cosign(asked, trust, NOW)
    cosigned = add_cosignatures(checkpoint, theirs + lines, witness.witnesses, trust)
    assert cosigned == checkpoint + lines
    assert add_cosignatures(cosigned, lines, witness.witnesses, trust) == cosigned, "twice is once"
    with pytest.raises(CheckpointInvalid, match="none of the lines"):
        add_cosignatures(checkpoint, theirs, witness.witnesses, trust)


@pytest.mark.parametrize("kept", [(), (0,), (1,)], ids=["none", "only ed25519", "only ml-dsa-44"])
def test_every_key_that_is_required_must_have_signed(
    witness: WitnessFolder, ring: KeyRing, trust: TrustRoot, kept: tuple[int, ...]
) -> None:
    asked = request(ring, 0, 20)
    checkpoint = read_request(asked).checkpoint
    lines = witness.cosign(asked, trust, NOW).splitlines(keepends=True)
    both = require_witnesses(checkpoint + "".join(lines), witness.witnesses)
    assert [it.witness for it in both] == [*witness.witnesses]
    missing = [it.algorithm for at, it in enumerate(witness.witnesses) if at not in kept]
    named = ", ".join(f"{NAME} ({it})" for it in missing)
    with pytest.raises(CheckpointInvalid, match=re.escape(f"{named} did not cosign this head")):
        require_witnesses(checkpoint + "".join(lines[it] for it in kept), witness.witnesses)


def test_a_line_under_another_head_does_not_match(witness: WitnessFolder, ring: KeyRing, trust: TrustRoot) -> None:
    lines = witness.cosign(request(ring, 0, 20), trust, NOW)
    with pytest.raises(CheckpointInvalid, match=r"cosignature of witness\.example/w1 does not match"):
        add_cosignatures(head_of(log_of(21), ring), lines, witness.witnesses, trust)


def test_a_time_that_was_altered_does_not_match(witness: WitnessFolder, ring: KeyRing, trust: TrustRoot) -> None:
    asked = request(ring, 0, 20)
    for line in witness.cosign(asked, trust, NOW).splitlines():
        content = bytearray(base64.b64decode(line.split(" ")[2]))
        content[11] ^= 1
        altered = f"— {NAME} {base64.b64encode(content).decode()}\n"
        with pytest.raises(CheckpointInvalid, match="does not match"):
            add_cosignatures(read_request(asked).checkpoint, altered, witness.witnesses, trust)


def test_a_log_is_not_its_own_witness(ring: KeyRing, trust: TrustRoot) -> None:
    own = Witness(ORIGIN, Algorithm.ML_DSA_44, trust.keys[3].public)
    with pytest.raises(TrustInvalid, match="another party"):
        add_cosignatures(head_of(log_of(5), ring), "", (own,), trust)


def test_keys_of_witnesses_are_read_from_lines(witness: WitnessFolder, trust: TrustRoot) -> None:
    text = "# two keys\n\n" + "\n".join(map(str, witness.witnesses)) + "\n"
    assert read_witnesses(text) == witness.witnesses
    for wrong in (trust.vkeys()[0], "x", vkey("w", 0x04, bytes(31)), vkey("w", 0x02, bytes(32))):
        with pytest.raises(TrustInvalid, match="not the key of a witness"):
            read_witnesses(wrong)


@pytest.mark.parametrize(
    "text",
    ["", "old 3", "old 03\n\nx", "old -1\n\nx", "old 3\nAAAA\n\nx", "new 3\n\nx", "old 3\n" + "A" * 43 + "=\n" * 64],
)
def test_a_malformed_request_is_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid, match="not a request for a cosignature"):
        read_request(text)


def test_the_keys_of_a_witness_are_made_once_and_are_private(tmp_path: Path) -> None:
    first = WitnessFolder.open(tmp_path / "w", NAME)
    assert WitnessFolder.open(tmp_path / "w").witnesses == first.witnesses
    with pytest.raises(KeysUnsafe, match="use another folder"):
        WitnessFolder.open(tmp_path / "w", "witness.example/w2")
    (tmp_path / "w" / "witness.json").chmod(0o644)
    with pytest.raises(KeysUnsafe, match="run chmod"):
        WitnessFolder.open(tmp_path / "w")
    with pytest.raises(KeysUnsafe, match="there is no witness"):
        WitnessFolder.open(tmp_path / "none")


def test_heads_of_two_logs_are_no_history() -> None:
    head = Checkpoint("a.example/log", 1, bytes(32))
    with pytest.raises(LogInconsistent) as caught:
        require_continuation(head, replace(head, origin="b.example/log"), ())
    assert caught.value.kind == "foreign"


def test_a_whole_log_is_its_own_proof() -> None:
    log = log_of(100)
    for size in range(101):
        require_entries(log, log_of(size).head(ORIGIN), ORIGIN)
    with pytest.raises(LogInconsistent):
        require_entries(log, log_of(50, "other").head(ORIGIN), ORIGIN)


def test_a_signature_needs_the_key_of_a_cosignature(ring: KeyRing) -> None:
    asked = read_request(request(ring, 0, 5))
    with pytest.raises(KeyError):
        cosign(asked, None, NAME, SigningKey(Algorithm.ML_DSA_65, bytes(32)), NOW)
