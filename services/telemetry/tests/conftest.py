"""Real parts for telemetry's tests: a warehouse that can be killed, and a log with the life of jobs in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from queuebit_audit.sources import Warehouse as Verified
from queuebit_contracts.account import AccountSettled, Settlement
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Acceptance,
    Candidate,
    Charge,
    Compilation,
    Completion,
    JobAccepted,
    JobCompleted,
    JobMetered,
    JobSealed,
    JobSubmitted,
    Metering,
    Profile,
    Seal,
    Signature,
    Submission,
    Usage,
)
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Amount, Payload
from queuebit_runtime.rows import Row, row_of
from queuebit_telemetry.adapters import ClickHouse
from queuebit_testing.server import NatsServer, free_port

PASSWORD = "correct horse battery staple"
START = datetime.now(UTC) - timedelta(minutes=5)
_DIGEST = "sha256:" + "0" * 64
_NOTHING = Payload(digest=_DIGEST, size=0, media_type="application/json", inline="{}")


class LifeOf(Protocol):
    """The events of a job that came to a good end, in order."""

    def __call__(self, tenant: str, job: str, number: int = 0) -> list[AnyEvent]: ...


def rows_of(events: list[AnyEvent], first: int = 1) -> list[Row]:
    """The rows of events that lie one after another in the log."""
    now = datetime.now(UTC)
    return [row_of(subject_of(it), it.to_bytes(), seq, now) for seq, it in enumerate(events, first)]


class Warehouse:
    """`python -m queuebit_warehouse` on one port and one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.password_file = folder / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(PASSWORD)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it listens."""
        settings = {"PORT": self.port, "DATA_DIR": self.folder / "data", "PASSWORD_FILE": self.password_file}
        environment = os.environ | {f"QUEUEBIT_WAREHOUSE_{key}": str(value) for key, value in settings.items()}
        log = self.folder / "warehouse.log"
        with log.open("wb") as out:
            self._process = subprocess.Popen([sys.executable, "-m", "queuebit_warehouse"], env=environment, stderr=out)
        with log.open() as said:
            while self._process.poll() is None:
                if re.search("listening on", said.readline()):
                    return
        raise AssertionError(log.read_text())

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def client(self) -> ClickHouse:
        return ClickHouse(self.url, "queuebit", PASSWORD)

    def verified(self) -> Verified:
        """The warehouse as `qb verify` reads it."""
        return Verified(self.url, "queuebit", PASSWORD)


@pytest.fixture(scope="session")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One for all tests: starting takes seconds."""
    running = Warehouse(tmp_path_factory.mktemp("warehouse"))
    running.start()
    yield running
    running.kill()


@pytest.fixture
async def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """A warehouse without tables."""
    client = shared_warehouse.client()
    for table in (
        "events",
        "case_sums",
        "kept_cases",
        "otel_traces_trace_id_ts_mv",
        "otel_traces_trace_id_ts",
        "otel_traces",
        "otel_logs",
        "otel_traces_held",
        "otel_logs_held",
    ):
        await client._command(f"DROP TABLE IF EXISTS {table} SYNC")
    await client.close()
    return shared_warehouse


@pytest.fixture
async def clickhouse(warehouse: Warehouse) -> AsyncIterator[ClickHouse]:
    """A warehouse with empty tables."""
    client = warehouse.client()
    await client.create()
    yield client
    await client.close()


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(
        tmp_path, clients=(("acme", "ann", "submitter"), ("evil", "eve", "submitter"))
    ).running() as server:
        yield server


def _life_of(tenant: str, job: str, number: int = 0) -> list[AnyEvent]:
    at = START + timedelta(milliseconds=number)
    waited, ran = timedelta(milliseconds=120 + number % 400), timedelta(milliseconds=700)
    moments: dict[str, Any] = {
        "submitted_at": at,
        "accepted_at": at + timedelta(milliseconds=5),
        "placed_at": at + timedelta(milliseconds=9),
        "started_at": at + timedelta(milliseconds=5) + waited,
    }
    whose: dict[str, Any] = {"tenant": tenant, "project": "main", "job": job}
    usage = Usage(shots=1000, qpu_us=7, qubits=2)
    said: dict[str, Any] = {"source": "qb/test", "time": at}
    ended: dict[str, Any] = {"source": "qb/test", "time": at + ran}
    return [
        JobSubmitted(
            **said,
            data=Submission(
                **whose,
                key=job,
                label=f"{job}.qasm",
                circuit=_NOTHING,
                shots=1000,
                proof=Signature(key="U" + "A" * 55, signature="a" * 86),
            ),
        ),
        JobAccepted(
            **said,
            data=Acceptance(
                **whose,
                user="ann",
                share=1,
                shots=1000,
                circuit=_DIGEST,
                profile=Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64),
                candidates=(Candidate(backend="aer", price="p1", hold="1", qpu_us=10),),
                hold=Amount(amount="1"),
                price_book=_DIGEST,
                seed=1,
                submitted_at=at,
            ),
        ),
        JobCompleted(
            **ended,
            data=Completion(
                tenant=tenant,
                job=job,
                backend="aer",
                attempt=1,
                shots=1000,
                result=_NOTHING,
                usage=usage,
                compilation=Compilation(
                    compiler="c", digest=_DIGEST, seed=1, depth=3, two_qubit_gates=1, duration_ns=1
                ),
                **moments,
            ),
        ),
        JobMetered(
            **ended,
            data=Metering(
                **whose,
                state="completed",
                backend="aer",
                usage=usage,
                charge=Charge(amount="0.100000000000000001", currency="USD", jbu="2.5"),
                price_book=_DIGEST,
                submitted_at=at,
                ended_at=at + ran,
            ),
        ),
        AccountSettled(
            **ended,
            data=Settlement(
                tenant=tenant,
                account="main",
                job=job,
                held=Amount(amount="1"),
                settled=Amount(amount="0.1"),
                released=Amount(amount="0.9"),
            ),
        ),
        JobSealed(
            **ended,
            data=Seal(
                tenant=tenant,
                job=job,
                statement=_DIGEST,
                text="e" * 1500,
                leaf_index=0,
                tree_size=1,
            ),
        ),
    ]


@pytest.fixture
def life_of() -> LifeOf:
    return _life_of
