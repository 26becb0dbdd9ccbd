"""Fixtures: a log with keys, and one completed job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queuebit_proof import (
    ChargeLine,
    JobRecord,
    KeyRing,
    TileLog,
    TrustRoot,
    UsageLine,
    build_statement,
    entry_of,
    issue,
    seal,
    sign_checkpoint,
)
from queuebit_proof.envelope import payload_of

ORIGIN = "queuebit.example/log"
BEGIN = datetime(2026, 11, 20, 8, 0, 0, 700_000, tzinfo=UTC)


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def entries(count: int, salt: str = "") -> list[bytes]:
    return [hashlib.sha256(f"{salt}{index}".encode()).digest() for index in range(count)]


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing.open(tmp_path_factory.mktemp("proof") / "keys", ORIGIN, BEGIN)


@pytest.fixture(scope="session")
def other_ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    """The keys of another operator with the same log name."""
    return KeyRing.open(tmp_path_factory.mktemp("proof") / "keys", ORIGIN, BEGIN)


@pytest.fixture(scope="session")
def trust(ring: KeyRing) -> TrustRoot:
    return ring.trust


@pytest.fixture
def record() -> JobRecord:
    return JobRecord(
        tenant="acme",
        project="chemistry",
        job="jabcdefghijklmnopqrst",
        outcome="completed",
        request_digest=sha256("request"),
        software="queuebit 0.1.0",
        submitted_at=BEGIN,
        accepted_at=BEGIN + timedelta(milliseconds=2),
        placed_at=BEGIN + timedelta(milliseconds=4),
        started_at=BEGIN + timedelta(milliseconds=6),
        finished_at=BEGIN + timedelta(milliseconds=20),
        actor="alice",
        delegation="dabcdefghijklmnopqrst",
        result_digest=sha256("result"),
        circuit_digest=sha256("circuit"),
        compiled_digest=sha256("compiled"),
        compiler="qiskit 2.1.0",
        compiler_seed=7,
        backend="emulated-ibm-torino",
        calibration_digest=sha256("calibration"),
        shots=1000,
        simulator_seed=0,
        usage=(UsageLine("shots", "1000", "shot"), UsageLine("qubit-time", "2.15", "qubit-second")),
        charges=(
            ChargeLine("task", "1", "0.30", "0.30", "USD"),
            ChargeLine("shots", "1000", "0.00035", "0.35", "USD"),
        ),
        price_book=sha256("price book"),
        trace_id="0af7651916cd43dd8448eb211c80319c",
    )


@pytest.fixture
def envelope(record: JobRecord, ring: KeyRing) -> bytes:
    return seal(build_statement(record, salt=bytes(16)), ring)


@pytest.fixture
def receipt_at(envelope: bytes, tmp_path: Path) -> Callable[..., bytes]:
    """Append the statement about the job among others, and return its receipt."""

    def receipt_at(
        signer: KeyRing, *, before: int = 2, after: int = 4, sealed: bytes = envelope, version: int = 2
    ) -> bytes:
        log = TileLog(tmp_path / "unwritten")
        log.append(entries(before))
        index = log.append([entry_of(payload_of(sealed) if version == 2 else sealed)])
        log.append(entries(after, "after"))
        checkpoint = sign_checkpoint(log.head(signer.origin), signer, BEGIN + timedelta(seconds=1))
        proof = log.inclusion(index)
        return issue(sealed, leaf_index=index, inclusion=proof, checkpoint=checkpoint, version=version)

    return receipt_at


@pytest.fixture
def receipt(receipt_at: Callable[..., bytes], ring: KeyRing) -> bytes:
    return receipt_at(ring)


@pytest.fixture
def old_receipt(receipt_at: Callable[..., bytes], ring: KeyRing) -> bytes:
    """As version 0.1 issued it: the log has the digest of the envelope."""
    return receipt_at(ring, version=1)
