"""Proofs of leaves as C2SP text: what is altered is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from queuebit_proof import (
    KeyRing,
    LeafInvalid,
    TileLog,
    WitnessFolder,
    add_cosignatures,
    entry_of,
    request_for,
    sign_checkpoint,
    verify_leaf,
    write_tlog_proof,
)
from queuebit_proof.tlog_proof import MAX_PROOF_BYTES

ENTRY = entry_of(b"statement 2")


@pytest.fixture
def proof(ring: KeyRing) -> str:
    log = TileLog(Path("unwritten"))
    log.append([entry_of(f"statement {it}".encode()) for it in range(5)])
    head = sign_checkpoint(log.head(ring.origin), ring, ring.begin + timedelta(seconds=1))
    return write_tlog_proof(2, log.inclusion(2), head, b"for the reader")


def test_a_leaf_has_its_place_and_the_time_of_its_head(proof: str, ring: KeyRing) -> None:
    found = verify_leaf(proof, ENTRY, ring.trust)
    assert (found.origin, found.index, found.size) == (ring.origin, 2, 5)
    assert found.signed_at == ring.begin + timedelta(seconds=1)
    without = "\n".join(line for line in proof.split("\n") if not line.startswith("extra"))
    assert verify_leaf(without, ENTRY, ring.trust) == found


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("index 2", "index 1", "is not leaf 1 of 5"),
        ("index 2", "index 02", "it has no index"),
        ("index 2\n", "", "it has no index"),
        ("@v1", "@v2", "does not begin"),
        ("extra Zm", "extra Zm!", "this is not a proof"),
        ("\n5\n", "\n6\n", "did not sign the head"),
        ("\n\n", "\n", "this is not a proof"),
        ("index 2", "x" * MAX_PROOF_BYTES, "more than"),
    ],
)
def test_an_altered_proof_is_refused(proof: str, ring: KeyRing, old: str, new: str, text: str) -> None:
    assert old in proof
    with pytest.raises(LeafInvalid, match=text):
        verify_leaf(proof.replace(old, new, 1), ENTRY, ring.trust)


def test_another_statement_or_a_shorter_path_is_refused(proof: str, ring: KeyRing) -> None:
    with pytest.raises(LeafInvalid, match="is not leaf 2"):
        verify_leaf(proof, entry_of(b"statement 3"), ring.trust)
    lines = proof.split("\n")
    del lines[3]
    with pytest.raises(LeafInvalid, match="is not leaf 2"):
        verify_leaf("\n".join(lines), ENTRY, ring.trust)


def test_a_proof_whose_head_a_required_witness_did_not_sign_is_refused(
    proof: str, ring: KeyRing, tmp_path: Path
) -> None:
    log, at = TileLog(Path("unwritten")), ring.begin + timedelta(seconds=2)
    log.append([entry_of(f"statement {it}".encode()) for it in range(5)])
    head = sign_checkpoint(log.head(ring.origin), ring, ring.begin + timedelta(seconds=1))
    first, second = (WitnessFolder.open(tmp_path / it, f"witness.example/{it}") for it in ("w1", "w2"))
    lines = first.cosign(str(request_for(log, 0, head)), ring.trust, at)
    cosigned = write_tlog_proof(2, log.inclusion(2), add_cosignatures(head, lines, first.witnesses, ring.trust), b"")
    assert verify_leaf(cosigned, ENTRY, ring.trust, first.witnesses).index == 2
    for given, required in ((proof, first.witnesses), (cosigned, (*first.witnesses, *second.witnesses))):
        with pytest.raises(LeafInvalid, match="did not cosign"):
            verify_leaf(given, ENTRY, ring.trust, required)
