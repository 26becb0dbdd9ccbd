"""A fake vendor for tests: its runs are in a file, independent of executors, and can be paused at several points.

The variable `FAKE_VENDOR` names the file. A test pauses the vendor at a point, waits until a call arrives there, and
kills the caller; `runs` returns the runs that the vendor received.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from queuebit_kernel import digest_of
from queuebit_quantum import (
    Backend,
    Calibration,
    Circuit,
    Compiled,
    Description,
    Failed,
    Measure,
    NotReachable,
    Outcome,
    Progress,
    Stack,
    UnknownHandle,
    WorkItem,
    WorkResult,
    require_fit,
    result_keys,
)
from queuebit_quantum.calibration import Qubit

__all__ = ["BACKEND", "FILE", "MAX_ITEMS", "FakeVendor", "VendorFile", "install", "stack"]

BACKEND, FILE = "vendor-qpu", "FAKE_VENDOR"
MAX_ITEMS = 2
"""Circuits of one submission."""

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (token TEXT PRIMARY KEY, handle TEXT, items TEXT, state TEXT DEFAULT 'running');
CREATE TABLE IF NOT EXISTS drifts (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS points (name TEXT PRIMARY KEY, reached INTEGER DEFAULT 0);
"""


class VendorFile:
    """The vendor's data, and its control by tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.open() as base:
            base.executescript(_TABLES)

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open a connection; its changes are committed at the end."""
        with closing(sqlite3.connect(self.path, timeout=20)) as base, base:
            yield base

    def pause(self, point: str) -> None:
        """Pause calls at a point: `before submit`, `after submit`, `run`, `after collect`, `usage` or `away`.

        With a job id, as in `run j1`, only runs of that job are paused; with the number of a submission of that job, as
        in `run j1/0`, only that one. At `preempt 7`, items of seven shots fail, and at `doubt 7` they are doubted.
        """
        with self.open() as base:
            base.execute("INSERT OR REPLACE INTO points (name) VALUES (?)", (point,))

    def resume(self, point: str) -> None:
        """Continue calls at a point."""
        with self.open() as base:
            base.execute("DELETE FROM points WHERE name = ?", (point,))

    def is_paused(self, point: str, token: str = "") -> bool:
        """Return whether a point is paused, for all runs or for the run of this token."""
        with self.open() as base:
            names = _names(base, point, token)
            return base.execute("SELECT 1 FROM points WHERE name IN (?, ?, ?)", names).fetchone() is not None

    def is_reached(self, point: str) -> bool:
        """Return whether a call waits at a paused point."""
        with self.open() as base:
            return base.execute("SELECT 1 FROM points WHERE name = ? AND reached", (point,)).fetchone() is not None

    def wait_at(self, point: str, token: str) -> None:
        """Wait at a point while it is paused."""
        while True:
            with self.open() as base:
                names = _names(base, point, token)
                if base.execute("UPDATE points SET reached = 1 WHERE name IN (?, ?, ?)", names).rowcount == 0:
                    return
            time.sleep(0.01)

    def drift(self) -> None:
        """Change the calibration of the device."""
        with self.open() as base:
            base.execute("INSERT INTO drifts DEFAULT VALUES")

    @property
    def calibration(self) -> Calibration:
        """Return the newest calibration."""
        with self.open() as base:
            (number,) = base.execute("SELECT count(*) FROM drifts").fetchone()
        qubits = tuple(Qubit(1e-4, 1e-4, 0.01 + 0.001 * number, 1e-4) for _ in range(5))
        return Calibration("2026-01-01T00:00:00.000000Z", qubits, (), digest_of({"vendor": number}))

    @property
    def runs(self) -> list[tuple[str, str]]:
        """Return token and state of each run."""
        with self.open() as base:
            return base.execute("SELECT token, state FROM runs ORDER BY rowid").fetchall()


def _names(base: sqlite3.Connection, point: str, token: str) -> tuple[str, str, str]:
    """The names of a point at a submission: submissions of a job are numbered as they arrive."""
    job = token.partition("-")[0]
    tokens = [it for (it,) in base.execute("SELECT token FROM runs ORDER BY rowid") if it.partition("-")[0] == job]
    number = tokens.index(token) if token in tokens else len(tokens)
    return point, f"{point} {job}", f"{point} {job}/{number}"


class FakeVendor:
    """The port `Backend` on such a file."""

    def __init__(self, file: VendorFile) -> None:
        self.file = file
        self.calibrate()

    def describe(self) -> Description:
        return self.description

    def calibrate(self) -> Calibration:
        calibration = self.file.calibration
        self.description = Description(
            id=BACKEND,
            vendor="Fake",
            kind="qpu",
            num_qubits=5,
            basis_gates=("x",),
            max_shots=10_000,
            target_digest=calibration.digest,
            calibrated_at=calibration.calibrated_at,
            calibration_digest=calibration.digest,
            rep_delay_s=1e-3,
            remote=True,
            max_items=MAX_ITEMS,
        )
        return calibration

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self.description, circuit)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler="fake 1",
            seed=seed,
            two_qubit_gates=circuit.two_qubit_gates,
            depth=circuit.depth,
            program=circuit,
            registers=circuit.registers,
            physical_qubits=circuit.touched,
            rep_delay_s=self.description.rep_delay_s,
        )

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        self._reach()
        for item in items:
            require_fit(self.description, shots=item.shots)
        self.file.wait_at("before submit", token)
        handle, taken = f"run-{token}", json.dumps([[item.shots, item.compiled.registers] for item in items])
        with self.file.open() as base:
            base.execute("INSERT OR IGNORE INTO runs (token, handle, items) VALUES (?, ?, ?)", (token, handle, taken))
        self.file.wait_at("after submit", token)
        return handle

    def find(self, token: str) -> str | None:
        self._reach()
        with self.file.open() as base:
            found = base.execute("SELECT handle FROM runs WHERE token = ?", (token,)).fetchone()
        return None if found is None else str(found[0])

    def poll(self, handle: str) -> Progress:
        state, _ = self._run(handle)
        if state == "running" and not self.file.is_paused("run", _token(handle)):
            self._end(handle, "ended")
            return "ended"
        return "running" if state == "running" else "ended"

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        state, items = self._run(handle)
        self.file.wait_at("after collect", _token(handle))
        if state == "cancelled":
            return tuple(Failed("cancelled", "the run was cancelled before it ended") for _ in items)
        return tuple(self._outcome(*it) for it in items)

    def cancel(self, handle: str) -> None:
        self._reach()
        with self.file.open() as base:
            base.execute("UPDATE runs SET state = 'cancelled' WHERE handle = ? AND state = 'running'", (handle,))

    def usage(self, handle: str) -> tuple[Measure, ...]:
        state, _ = self._run(handle)
        used = "0" if state == "cancelled" else "1500000"
        return (Measure("qpu-time", used, "microsecond", final=not self.file.is_paused("usage", _token(handle))),)

    def _outcome(self, shots: int, registers: Sequence[int]) -> WorkResult:
        if self.file.is_paused(f"preempt {shots}"):
            return Failed("preempted", "the vendor stopped the run for another")
        doubt = "the device drifted" if self.file.is_paused(f"doubt {shots}") else ""
        return Outcome(result_keys({0: shots}, tuple(registers)), suspect=doubt)

    def _run(self, handle: str) -> tuple[str, list[tuple[int, list[int]]]]:
        self._reach()
        with self.file.open() as base:
            found = base.execute("SELECT state, items FROM runs WHERE handle = ?", (handle,)).fetchone()
        if found is None:
            raise UnknownHandle(f"there is no run {handle[:80]!r}")
        return found[0], json.loads(found[1])

    def _end(self, handle: str, state: str) -> None:
        with self.file.open() as base:
            base.execute("UPDATE runs SET state = ? WHERE handle = ?", (state, handle))

    def _reach(self) -> None:
        if self.file.is_paused("away"):
            raise NotReachable("the vendor does not answer")


def _token(handle: str) -> str:
    return handle.removeprefix("run-")


def _open() -> Backend:
    return FakeVendor(VendorFile(Path(os.environ[FILE])))


_builders: dict[str, Callable[[], Backend]] = {BACKEND: _open}
stack = Stack(_builders)
"""The stack of the entry point that `install` writes."""


def install(folder: Path) -> None:
    """Write the metadata of an installed package to a folder. On the path, the folder installs the stack `vendor`."""
    about = folder / "queuebit_fake_vendor-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: queuebit-fake-vendor\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[queuebit.backends]\nvendor = queuebit_testing.vendor:stack\n")
