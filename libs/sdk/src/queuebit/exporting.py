"""Exports circuits of Qiskit and Cirq as OpenQASM, with the exporters of these libraries.

Neither library is a dependency: a circuit is recognised by the name of its class; its library is then loaded already.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from queuebit.errors import InvalidInput

__all__ = ["exported", "name_of"]

_WANTED = "give OpenQASM 2 or 3 source, a Path to a file, a Qiskit QuantumCircuit or a Cirq Circuit"
_CIRQ = {"cirq.Circuit", "cirq.FrozenCircuit"}
_COMMENT = re.compile(r"//[^\n]*")
_MEASURE = re.compile(r"\bmeasure\b")
_EXACT = "submit queuebit_cirq.export(circuit).source instead"
_PRECISION = 17
"""Digits of an angle: all digits of a float."""
_NESTED = 8
"""How deep instructions may be nested."""


def exported(circuit: object, *, bound: bool = True, measured: bool = True) -> str:
    """A circuit as OpenQASM source.

    Args:
        circuit: of Qiskit or Cirq.
        bound: whether free parameters are refused; otherwise Qiskit's become inputs.
        measured: whether a circuit that measures nothing is refused.

    Raises:
        InvalidInput: it is no circuit, has free parameters, measures nothing, or cannot be expressed in OpenQASM.
    """
    kinds = _kinds(circuit)
    if "qiskit.QuantumCircuit" in kinds:
        text = _from_qiskit(circuit, bound=bound)
    elif kinds & _CIRQ:
        text = _from_cirq(circuit)
    elif isinstance(circuit, list | tuple):
        raise InvalidInput(f"a value of type {type(circuit).__name__} is not a circuit: give Batch([...])")
    elif circuit is None:
        raise InvalidInput(f"the circuit is None: {_WANTED}")
    else:
        raise InvalidInput(f"a value of type {type(circuit).__name__} is not a circuit: {_WANTED}")
    if measured and not _MEASURE.search(_COMMENT.sub("", text)):
        raise InvalidInput(
            "the circuit measures nothing, so that it has no counts: add measurements, "
            "such as circuit.measure_all() in Qiskit or cirq.measure(*qubits) in Cirq"
        )
    return text


def name_of(circuit: object) -> str:
    """The name of a circuit, if it has one; Qiskit numbers circuits without a name."""
    if "qiskit.QuantumCircuit" not in _kinds(circuit):
        return ""
    name = str(getattr(circuit, "name", ""))
    return "" if re.fullmatch(r"circuit-\d+(-\d+)?", name) else name


def _kinds(circuit: object) -> set[str]:
    return {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(circuit).__mro__}


def _from_qiskit(circuit: Any, *, bound: bool) -> str:  # Qiskit's class, which is not imported here
    if bound:
        _require_bound(circuit.parameters, "circuit.assign_parameters({...}), or submit a Sweep")
    if circuit.clbits and not circuit.cregs:  # loose bits would become registers of one bit each
        circuit = circuit.copy()
        circuit.add_register(import_module("qiskit").ClassicalRegister(name="c", bits=circuit.clbits))
    qasm3: Any = import_module("qiskit.qasm3")
    try:
        circuit = _flattened(circuit, _is_instruction)
        try:
            return str(qasm3.dumps(circuit))
        except qasm3.QASM3ExporterError:  # looking into the definition of each gate takes long, and is rarely needed
            return str(qasm3.dumps(_flattened(circuit, _has_instruction)))
    except import_module("qiskit.exceptions").QiskitError as error:
        raise _not_exported("Qiskit", error) from error


def _flattened(circuit: Any, chosen: Callable[[Any], bool]) -> Any:  # Qiskit's classes
    """Return the circuit with the chosen operations replaced by their definitions, and those of these in turn."""
    for _ in range(_NESTED):
        if not (names := sorted({it.operation.name for it in circuit.data if chosen(it.operation)})):
            break
        circuit = circuit.decompose(names)
    return circuit


def _is_instruction(operation: Any) -> bool:
    """Whether it is composite and not a gate: the exporter cannot write it."""
    gate = import_module("qiskit.circuit").Gate
    return not isinstance(operation, gate) and getattr(operation, "definition", None) is not None


def _has_instruction(operation: Any) -> bool:
    """Whether it is one, or a gate that contains one."""
    if _is_instruction(operation):
        return True
    definition = getattr(operation, "definition", None)
    return definition is not None and any(_has_instruction(it.operation) for it in definition.data)


def _from_cirq(circuit: Any) -> str:  # Cirq's class, which is not imported here
    cirq: Any = import_module("cirq")
    _require_bound(cirq.parameter_names(circuit), "cirq.resolve_parameters(circuit, {...})")
    operations = list(cirq.Circuit(circuit).all_operations())
    keys = Counter(str(key) for it in operations for key in cirq.measurement_key_objs(it))
    if twice := [key for key, count in keys.items() if count > 1]:
        raise InvalidInput(
            f"the key {twice[0]!r} is measured {keys[twice[0]]} times: give each measurement its own key"
        )
    controlled = [it for it in operations if it.classical_controls]
    conditions = [condition for it in controlled for condition in it.classical_controls]
    if not all(isinstance(it, cirq.KeyCondition) for it in conditions):  # Cirq's exporter reverses the bits of a key
        raise InvalidInput(
            f"a condition compares a key, and Cirq exports only with_classical_controls('key'): {_EXACT}"
        )
    if not all(it.index == -1 for it in conditions):  # which Cirq's exporter ignores
        raise InvalidInput(f"a condition reads an earlier measurement of its key: {_EXACT}")
    for it in controlled:  # Cirq's exporter puts only the first line of an operation under its condition
        if _lines(it.without_classical_controls()) != 1:
            raise InvalidInput(f"Cirq cannot export {it}, because it has several gates under a condition: {_EXACT}")
    version = "3.0" if conditions else "2.0"  # the exporter supports neither keys of several bits nor two keys
    try:
        with warnings.catch_warnings():  # that a global phase is left out
            warnings.simplefilter("ignore")
            return str(circuit.to_qasm(precision=_PRECISION, version=version))
    except (ValueError, TypeError) as error:
        raise _not_exported("Cirq", error) from error


def _lines(operation: Any) -> int:  # Cirq's class
    """How many statements Cirq exports an operation as: those after the declaration of the qubits."""
    cirq: Any = import_module("cirq")
    return str(cirq.Circuit(operation).to_qasm(header="")).partition("qreg q[")[2].count(";") - 1


def _require_bound(parameters: Iterable[object], how: str) -> None:
    if names := sorted(map(str, parameters)):
        raise InvalidInput(f"the circuit has parameters without values ({', '.join(names)}): bind them with {how}")


def _not_exported(library: str, error: Exception) -> InvalidInput:
    return InvalidInput(f"{library} cannot export the circuit to OpenQASM: {str(error).strip(chr(34))}")
