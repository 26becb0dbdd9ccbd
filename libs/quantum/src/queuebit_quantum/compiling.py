"""Code that all compilers share: a cache, and the error for circuits that do not compile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from qiskit import QuantumCircuit
from qiskit.transpiler import PassManager
from qiskit.transpiler.exceptions import TranspilerError

from queuebit_quantum.backends import Compiled
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit

__all__ = ["CompileCache", "translate"]


class CompileCache:
    """Keeps the most recent compiled circuits by (circuit digest, target digest, compiler, seed)."""

    def __init__(self, compiler: str, capacity: int = 256) -> None:
        self._compiler = compiler
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str, str, int], Compiled] = OrderedDict()

    def get(self, circuit: Circuit, target_digest: str, seed: int, compile_: Callable[[], Compiled]) -> Compiled:
        """Return the cached circuit, or compile and cache it."""
        key = (circuit.digest, target_digest, self._compiler, seed)
        if key not in self._kept:
            self._kept[key] = compile_()
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def translate(passes: PassManager, program: QuantumCircuit, backend: str) -> QuantumCircuit:
    """Compile a program; raises `DoesNotFit` if the compiler refuses it."""
    try:
        return passes.run(program)
    except TranspilerError as failure:
        raise DoesNotFit(f"{backend}: the circuit cannot be compiled: {failure.message}") from failure
