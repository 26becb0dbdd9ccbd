"""Bundles: what was signed verifies, and each change of it is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queuebit_audit_trail import Record, Selection, record_of
from queuebit_audit_trail.bundle import BundleInvalid, Covered, VerifiedBundle, build_bundle, verify_bundle
from queuebit_contracts.catalog import decode
from queuebit_kernel import canonical, digest
from queuebit_proof import KeyRing, TileLog, entry_of, issue, seal, sign_checkpoint
from queuebit_proof.envelope import payload_of
from queuebit_proof.statement import read_statement

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
BEGIN = datetime(2026, 11, 30, 12, tzinfo=UTC)
TYPES = (
    "qb.config.applied.v1",
    "qb.tenant.user_defined.v1",
    "qb.account.funded.v1",
    "qb.job.rejected.v1",
    "qb.proof.keys_rotated.v1",
)


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing.open(tmp_path_factory.mktemp("audit") / "keys", "queuebit.example/log", BEGIN)


def entries() -> list[tuple[Record, bytes]]:
    found = []
    for sequence, type_ in enumerate(TYPES, 11):
        body = sorted((EXAMPLES / type_).glob("*.json"))[0].read_bytes()
        record = record_of(decode(body), sequence, BEGIN + timedelta(seconds=sequence))
        assert record is not None
        found.append((record, body))
    return found


@pytest.fixture(scope="session")
def bundle(ring: KeyRing) -> list[bytes]:
    log = TileLog(Path("unwritten"))
    head = sign_checkpoint(log.head(ring.origin), ring, BEGIN + timedelta(seconds=1))
    covered = Covered(Selection(), 20, BEGIN + timedelta(hours=1), head)
    return [*build_bundle(entries(), [], covered, ring)]


def faults(lines: list[bytes], ring: KeyRing) -> list[tuple[str, int]]:
    with pytest.raises(BundleInvalid) as caught:
        verify_bundle(lines, ring.trust)
    return [(it.kind, it.line) for it in caught.value.faults]


def edited(line: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    fields = json.loads(line)
    change(fields)
    return canonical(fields)


def test_what_was_signed_verifies(bundle: list[bytes], ring: KeyRing) -> None:
    found: VerifiedBundle = verify_bundle(bundle, ring.trust)
    assert [it["sequence"] for it in found.records] == [11, 12, 13, 14, 15]
    assert (found.statement["through"], found.statement["records"], found.signer) == (20, 5, "queuebit.example/log")
    assert len(found.key_ids) == 2


def test_a_bundle_without_records_verifies(ring: KeyRing) -> None:
    covered = Covered(Selection(tenant="acme"), 20, BEGIN)
    assert verify_bundle(build_bundle([], [], covered, ring), ring.trust).records == ()


@pytest.mark.parametrize("line", range(5))
def test_a_changed_record_is_named(line: int, bundle: list[bytes], ring: KeyRing) -> None:
    changed = edited(bundle[line], lambda it: it["record"].update(actor="eve"))  # type: ignore[attr-defined]  # JSON
    assert ("altered", line + 1) in faults([*bundle[:line], changed, *bundle[line + 1 :]], ring)


@pytest.mark.parametrize("line", range(5))
def test_a_record_that_was_changed_with_its_event_is_named(line: int, bundle: list[bytes], ring: KeyRing) -> None:
    record, body = entries()[line]
    other = json.loads(body)
    other["id"] = "forged"
    event = json.dumps(other).encode()
    again = record_of(decode(event), record.sequence, BEGIN + timedelta(seconds=record.sequence))
    assert again is not None
    changed = edited(bundle[line], lambda it: it.update(record=again.document(), event=event.decode()))
    found = faults([*bundle[:line], changed, *bundle[line + 1 :]], ring)
    assert found == [("altered", line + 2)], "the line after it does not follow"


@pytest.mark.parametrize("line", range(5))
def test_a_dropped_record_is_named(line: int, bundle: list[bytes], ring: KeyRing) -> None:
    assert faults([*bundle[:line], *bundle[line + 1 :]], ring)[0] == ("missing", line + 1)


@pytest.mark.parametrize("line", range(5))
def test_an_inserted_record_is_named(line: int, bundle: list[bytes], ring: KeyRing) -> None:
    assert ("order", line + 2) in faults([*bundle[: line + 1], bundle[line], *bundle[line + 1 :]], ring)


@pytest.mark.parametrize("line", range(4))
def test_reordered_records_are_named(line: int, bundle: list[bytes], ring: KeyRing) -> None:
    moved = [*bundle[:line], bundle[line + 1], bundle[line], *bundle[line + 2 :]]
    assert {("missing", line + 1), ("order", line + 2)} <= {*faults(moved, ring)}


def test_a_chain_that_was_computed_again_is_not_the_signed_one(bundle: list[bytes], ring: KeyRing) -> None:
    lines, head = [], digest(b"")
    for number, line in enumerate([*bundle[:2], *bundle[3:-1]], 1):
        lines.append(edited(line, lambda it, n=number, h=head: it.update(number=n, previous=h)))  # type: ignore[misc]
        head = digest(lines[-1])
    assert faults([*lines, bundle[-1]], ring) == [("missing", 5)]


@pytest.mark.parametrize("kept", range(6))
def test_a_bundle_that_was_cut_is_not_signed(kept: int, bundle: list[bytes], ring: KeyRing) -> None:
    assert faults(bundle[:kept], ring)[-1][0] in {"form", "signature"}


def test_the_end_of_another_bundle_does_not_fit(bundle: list[bytes], ring: KeyRing) -> None:
    *_, end = build_bundle(entries()[:4], [], Covered(Selection(), 20, BEGIN), ring)
    assert faults([*bundle[:-1], end], ring) == [("altered", 6)]


def test_keys_of_another_operator_do_not_count(bundle: list[bytes], ring: KeyRing, tmp_path: Path) -> None:
    other = KeyRing.open(tmp_path / "keys", ring.origin, BEGIN)
    assert faults(bundle, other) == [("signature", 6)]


def test_a_time_before_the_keys_does_not_count(ring: KeyRing) -> None:
    early = Covered(Selection(), 20, BEGIN - timedelta(days=1))
    assert faults([*build_bundle(entries(), [], early, ring)], ring) == [("signature", 6)]


def test_another_signed_statement_is_no_bundle(bundle: list[bytes], ring: KeyRing) -> None:
    other = json.loads(payload_of(bundle[-1])) | {"predicateType": "https://queuebit.dev/attestations/artefact/v1"}
    assert faults([*bundle[:-1], seal(canonical(other), ring)], ring) == [("signature", 6)]


def test_a_changed_head_of_the_log_is_named(ring: KeyRing) -> None:
    covered = Covered(Selection(), 20, BEGIN, "queuebit.example/log\n0\n")
    assert faults([*build_bundle(entries(), [], covered, ring)], ring) == [("checkpoint", 6)]


def test_a_receipt_verifies_and_belongs_to_a_record(ring: KeyRing, tmp_path: Path) -> None:
    path = sorted((EXAMPLES / "qb.job.sealed.v2").glob("*.json"))[0]
    event = json.loads(path.read_bytes())
    statement = event["data"]["text"].encode()
    assert read_statement(statement)
    log = TileLog(tmp_path)
    index = log.append([entry_of(statement)])
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, BEGIN + timedelta(seconds=1))
    receipt = issue(seal(statement, ring), leaf_index=index, inclusion=log.inclusion(index), checkpoint=checkpoint)
    record = record_of(decode(path.read_bytes()), 16, BEGIN)
    assert record is not None
    covered = Covered(Selection(), 20, BEGIN, checkpoint)
    good = [*build_bundle([(record, path.read_bytes())], [receipt], covered, ring)]
    assert verify_bundle(good, ring.trust).receipts == (f"{event['data']['tenant']}/{event['data']['job']}",)
    assert faults([*build_bundle(entries(), [receipt], covered, ring)], ring) == [("receipt", 6)]
    changed = receipt[:-40] + b"A" * 4 + receipt[-36:]
    assert faults([*build_bundle([(record, path.read_bytes())], [changed], covered, ring)], ring) == [("receipt", 2)]
