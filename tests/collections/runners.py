"""One source file, run by Queuebit's ideal simulator or by plain Qiskit, inside a bounded child process."""

from __future__ import annotations

import multiprocessing
import resource
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MEMORY_GIB", "SECONDS", "SHOTS", "Run", "bare", "bounded", "preload", "queuebit"]

SHOTS = 4_096
SECONDS = 60
"""Time for one run, parsing included."""
MEMORY_GIB = 6
"""Address space of one child."""
_SEED = 7


@dataclass(frozen=True)
class Run:
    """The result of one run."""

    state: str
    """`done`, `refused`, `crash` or `time-out`."""
    counts: dict[str, int]
    detail: str = ""


def preload() -> None:
    """Import both stacks once; children are forked and find them there.

    No circuit is run: the threads that Qiskit then starts do not survive a fork, and a child would wait forever.
    """
    import qiskit.qasm2
    import qiskit.qasm3  # noqa: F401
    import qiskit_aer  # noqa: F401
    import qiskit_qasm3_import  # noqa: F401

    import queuebit_quantum.circuits  # noqa: F401
    from queuebit_quantum import open_backend

    open_backend("aer")  # finds the transpiler's plugins, which takes seconds


def bounded(run: Callable[[Path], Run], path: Path) -> Run:
    """Run in a child with limits on memory and time; a child that ends without an answer counts as crashed."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(run, path, sender))
    child.start()
    sender.close()
    try:
        if not receiver.poll(SECONDS):
            return Run("time-out", {}, f"more than {SECONDS} s")
        found: Run = receiver.recv()
        return found
    except EOFError:
        child.join()
        return Run("crash", {}, f"the process ended with {child.exitcode}")
    finally:
        child.kill()
        child.join()
        receiver.close()


def _child(run: Callable[[Path], Run], path: Path, sender: Any) -> None:  # a Connection, which is generic
    limit = MEMORY_GIB << 30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = run(path)
    except BaseException as failure:  # noqa: BLE001  (whatever a program makes the stack raise is the result)
        last = traceback.extract_tb(failure.__traceback__)[-1]
        text = str(failure).strip().splitlines() or [""]
        answer = Run("crash", {}, f"{type(failure).__name__} in {Path(last.filename).name}: {text[0][:160]}")
    sender.send(answer)


def queuebit(path: Path) -> Run:
    """Parse, compile and run as the executor of `aer` does."""
    from queuebit_quantum import CircuitError, DoesNotFit, WorkItem, parse
    from queuebit_quantum.aer import Aer

    try:
        circuit = parse(path.read_text(encoding="utf-8"))
        backend = Aer()
        return Run("done", dict(backend.run(WorkItem(backend.compile(circuit, _SEED), SHOTS, _SEED)).counts))
    except CircuitError as refusal:
        return Run("refused", {}, f"{refusal.code}: {refusal}"[:200])
    except DoesNotFit as refusal:
        return Run("refused", {}, f"does not fit: {refusal}"[:200])


def bare(path: Path) -> Run:
    """Run a source as a user of Qiskit would, without code of Queuebit."""
    from qiskit import qasm2, qasm3, transpile
    from qiskit_aer import AerSimulator

    source = path.read_text(encoding="utf-8")
    if "OPENQASM 3" in source:
        circuit = qasm3.loads(source)
    else:
        circuit = qasm2.loads(source, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    if not circuit.clbits:
        circuit.measure_all()
    simulator = AerSimulator(seed_simulator=_SEED + 1)
    try:
        result = simulator.run(transpile(circuit, simulator, optimization_level=0), shots=SHOTS).result()
    except IndexError:  # Aer takes a gate of the file's own that is called `unitary` for one of its instructions
        result = simulator.run(transpile(circuit.decompose(), simulator, optimization_level=0), shots=SHOTS).result()
    return Run("done", result.get_counts()) if result.success else Run("crash", {}, str(result.status)[:160])
