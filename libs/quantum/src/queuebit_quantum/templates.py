"""Circuits with open angles: a program is expanded once, and each item of a sweep puts its values in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from queuebit_kernel import digest, digest_of
from queuebit_quantum.circuits import Circuit, circuit_of, instance
from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.parameters import Input, Parameters, bound_digest, parameter_faults
from queuebit_quantum.qasm3 import load_open
from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.symbols import Tape
from queuebit_quantum.structure import MAX_ANGLE
from queuebit_quantum.tokens import read

__all__ = ["bound"]

_FLAT = frozenset({"mid_circuit_measurement", "reset"})
"""Features of circuits without blocks."""

_Fixed = tuple[tuple[str, type, bool | int | str], ...]
"""Values that are part of a template, with their types, because 1 and true are equal."""


class _Template(NamedTuple):
    circuit: Circuit
    inputs: tuple[Input, ...]
    tape: Tape
    places: tuple[int, ...]
    """Where the tape has the value of each parameter of the circuit."""

    def values(self, given: Parameters) -> Sequence[float] | None:
        """The values of the circuit's parameters; None if the program does not take what is given."""
        if parameter_faults(self.inputs, given):
            return None
        try:
            known = self.tape.replay(given)
        except (UnlocatedError, ArithmeticError):
            return None
        found = [known[place] for place in self.places]
        return found if all(abs(it) <= MAX_ANGLE for it in found) else None


def bound(source: str, limits: Limits, given: Parameters, *, measured: bool) -> Circuit | None:
    """The circuit that `parse` returns, by way of a template; equal to it in everything, to the last bit.

    None if there is no template because the structure of the program depends on the values, or if there is anything to
    refuse: that is then up to the usual expansion, which knows the place in the source.
    """
    fixed = tuple((name, type(value), value) for name, value in given.items() if not isinstance(value, float))
    if len(fixed) == len(given):
        return None
    template = _template(source, limits, fixed, measured)
    values = None if template is None else template.values(given)
    if template is None or values is None:
        return None
    return instance(template.circuit, tuple(values), bound_digest(digest(source.encode()), given))


@lru_cache(maxsize=4)
def _template(source: str, limits: Limits, fixed: _Fixed, measured: bool) -> _Template | None:
    try:
        tokens = read(source, limits)
        if tokens.version == 2:
            return None
        known = {name: value for name, _, value in fixed}
        loaded, inputs, tape = load_open(tokens, limits, known)
        named = digest_of({"template": digest(source.encode()), "fixed": {name: repr(known[name]) for name in known}})
        circuit = circuit_of(loaded, named, "openqasm3", measured=measured)
    except (CircuitError, UnlocatedError):
        return None
    if not circuit.features <= _FLAT:
        return None
    parameters = circuit.quantum_circuit.parameters
    return _Template(circuit, inputs, tape, tuple(map(tape.place, parameters)))
