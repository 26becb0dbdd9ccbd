"""Circuits of Braket's SDK, its programs and OpenQASM text, as sources. The SDK is not imported unless it is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from queuebit import InvalidInput

__all__ = ["Program", "program_of"]

_BRAKET = re.compile(r"^[ \t]*#?pragma[ \t]+braket\b", re.MULTILINE)
_MARK = "#pragma braket gates\n"
"""Says that gates are Braket's; at the end, so that the lines of the source keep their numbers."""


@dataclass(frozen=True, slots=True)
class Program:
    """OpenQASM 3 as Braket reads it."""

    source: str
    inputs: Mapping[str, float]
    result_types: tuple[Any, ...] = ()
    """Of a circuit of the SDK."""


def program_of(given: object, inputs: Mapping[str, float] | None = None) -> Program:
    """Read what `QueuebitDevice.run` takes.

    Raises:
        InvalidInput: it is something else, or Braket cannot write it as OpenQASM 3.
    """
    if isinstance(given, str):
        return Program(_marked(given), {**(inputs or {})})
    kinds = {kind.__name__ for kind in type(given).__mro__ if kind.__module__.startswith("braket.")}
    if "Circuit" in kinds:
        written = _written(given)
        return Program(_marked(written.source), _inputs(written, inputs), _result_types(given))
    if "Program" in kinds and isinstance(getattr(given, "source", None), str):
        return Program(_marked(given.source), _inputs(given, inputs))  # type: ignore[attr-defined]  # as just seen
    raise InvalidInput(
        f"a value of type {type(given).__name__} is no program: give a circuit of Braket, or OpenQASM 3 as text or "
        "braket.ir.openqasm.Program"
    )


def _written(circuit: Any) -> Any:  # Braket's classes
    kind = import_module("braket.circuits.serialization").IRType.OPENQASM
    try:
        return circuit.to_ir(ir_type=kind)
    except (ValueError, NotImplementedError) as error:
        raise InvalidInput(f"Braket cannot write the circuit as OpenQASM 3: {error}") from error


def _inputs(program: Any, inputs: Mapping[str, float] | None) -> dict[str, float]:  # Braket's class
    return {**(program.inputs or {}), **(inputs or {})}


def _result_types(circuit: Any) -> tuple[Any, ...]:  # Braket's class
    return tuple(circuit.result_types)


def _marked(source: str) -> str:
    return source if _BRAKET.search(source) else f"{source.rstrip()}\n{_MARK}"
