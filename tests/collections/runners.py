"""One source file, run by Queuebit's ideal simulator, and bounded child processes for it and for the references."""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from queuebit_quantum import Circuit

__all__ = ["MEMORY_GIB", "MOST_QUBITS", "SECONDS", "SHOTS", "Run", "bounded", "preload", "queuebit", "values_of_inputs"]

SHOTS = 4_096
SECONDS = 30
"""Processor time for one run, parsing included."""
MOST_QUBITS = 18
"""Qubits with an operation; circuits of more are simulated only if all of their gates are Clifford gates."""
_WAIT = 20
"""Times as long a run may wait for processors that others use."""
MEMORY_GIB = 6
"""Address space of one child."""
_SEED = 7


@dataclass(frozen=True)
class Run:
    """The result of one run."""

    state: str
    """`done`, `refused`, `large` (read, and too large to be simulated), `differs`, `crash` or `time-out`."""
    counts: dict[str, int]
    detail: str = ""
    measures: bool = True
    """False if the program measures nothing: then all of its qubits were measured at the end."""


def preload() -> None:
    """Import both stacks once; children are forked and find them there.

    No circuit is run: the threads that Qiskit then starts do not survive a fork, and a child would wait forever.
    """
    import qiskit.qasm2
    import qiskit.qasm3
    import qiskit.transpiler.passes  # noqa: F401
    import qiskit_aer  # noqa: F401
    import qiskit_qasm3_import  # noqa: F401

    import queuebit_quantum.circuits  # noqa: F401
    from queuebit_quantum import open_backend

    with suppress(ImportError):
        import pyqasm  # noqa: F401
    open_backend("aer")  # finds the transpiler's plugins, which takes seconds


def bounded(run: Callable[[Path], Run], path: Path, seconds: float | None = None) -> Run:
    """Run in a child with limits on memory and processor time; a child that ends without an answer has crashed."""
    seconds = SECONDS if seconds is None else seconds
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(run, path, sender, seconds))
    child.start()
    sender.close()
    try:
        if not receiver.poll(seconds * _WAIT):
            return Run("time-out", {}, f"no answer within {seconds * _WAIT} s")
        found: Run = receiver.recv()
        return found
    except EOFError:
        child.join()
        if child.exitcode == -signal.SIGXCPU:
            return Run("time-out", {}, f"more than {seconds} s of processor time")
        return Run("crash", {}, f"the process ended with {child.exitcode}")
    finally:
        child.kill()
        child.join()
        receiver.close()


def _child(run: Callable[[Path], Run], path: Path, sender: Any, seconds: float) -> None:  # a generic Connection
    limit = MEMORY_GIB << 30
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # readers write what they refuse there
    try:
        answer = run(path)
    except BaseException as failure:  # noqa: BLE001  (whatever a program makes the stack raise is the result)
        last = traceback.extract_tb(failure.__traceback__)[-1]
        text = str(failure).strip().splitlines() or [""]
        answer = Run("crash", {}, f"{type(failure).__name__} in {Path(last.filename).name}: {text[0][:160]}")
    sender.send(answer)


def values_of_inputs(source: str) -> dict[str, bool | int | float | str]:
    """Return a value for each `input` of a source, so that the program can be built."""
    from queuebit_quantum import inputs

    plain: dict[str, bool | int | float] = {"bool": True, "int": 1, "uint": 1}
    return {it.name: "1" * (it.size or 1) if it.kind == "bit" else plain.get(it.kind, 0.5) for it in inputs(source)}


def queuebit(path: Path) -> Run:
    """Parse, compile and run as the executor of `aer` does, with a value for each input."""
    from queuebit_quantum import CircuitError, DoesNotFit, WorkItem
    from queuebit_quantum.aer import Aer
    from queuebit_quantum.profile import is_clifford

    try:
        circuit, measures = _read(path.read_text(encoding="utf-8"))
        backend = Aer()
        if len(circuit.touched) > MOST_QUBITS and not is_clifford(circuit):
            return Run("large", {}, f"{len(circuit.touched):,} qubits", measures)
        outcome = backend.run(WorkItem(backend.compile(circuit, _SEED), SHOTS, _SEED))
        return Run("done", dict(outcome.counts), "", measures)
    except CircuitError as refusal:
        if refusal.code == "observable":  # the program is right, and cannot be measured in another way
            return Run("large", {}, str(refusal)[:300], measures=False)
        return Run("refused", {}, f"{refusal.code}: {refusal}"[:300])
    except DoesNotFit as refusal:
        kind = "refused" if "line " in str(refusal) else "large"
        return Run(kind, {}, f"does not fit: {refusal}"[:300])


def _read(source: str) -> tuple[Circuit, bool]:
    """Return the circuit; one that measures nothing is read as an item that is measured in the basis Z."""
    from queuebit_quantum import CircuitError, measured_in, parse
    from queuebit_quantum.observables import Basis

    given = values_of_inputs(source)
    try:
        return parse(source, parameters=given), True
    except CircuitError as refusal:
        if refusal.code != "no_measurement":
            raise
        circuit = parse(source, parameters=given, measured=False)
        if not circuit.num_qubits:
            raise
        return measured_in(circuit, Basis("Z" * circuit.num_qubits, ())), False
