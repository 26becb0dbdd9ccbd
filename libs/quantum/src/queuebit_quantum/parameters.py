"""The `input` declarations of a circuit, and their values. Loads no SDK."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from queuebit_kernel import digest_of

__all__ = ["Input", "Parameters", "bound_digest", "parameter_faults", "representatives"]

Parameters: TypeAlias = Mapping[str, bool | int | float | str]
"""Values by name of the input; the value of a bit register is text, highest bit first."""

_REAL = frozenset({"float", "angle"})
_WANTED = {
    "float": "a finite number",
    "angle": "a finite number, in radians",
    "int": "a whole number",
    "uint": "a whole number of at least 0",
    "bool": "true or false",
    "bit": "0 or 1, or the bits of the register as text",
}
_UNSIZED_BITS = 32
_MOST_REPRESENTATIVES = 8

_GENERIC = 0.7548776662466927
"""A generic angle, at which no gate simplifies; so are its multiples (the inverse of the plastic number, Roberts 2018,
"The unreasonable effectiveness of quasirandom sequences")."""


@dataclass(frozen=True, slots=True)
class Input:
    """One `input` declaration: a value that the circuit gets before the run."""

    name: str
    kind: str
    """`float`, `angle`, `int`, `uint`, `bool` or `bit`; inputs of other types cannot get a value."""
    size: int | None = None
    """Bits of the type or register; None if the source does not give a plain number."""


def parameter_faults(inputs: Sequence[Input], given: Parameters) -> list[str]:
    """Return every fault of the values for the inputs of a circuit; empty if the values can be bound."""
    declared = {it.name: it for it in inputs}
    known = f"its inputs are {', '.join(declared)}" if declared else "it declares no `input`"
    faults = [f"no value is given for {name}" for name in declared if name not in given]
    faults += [f"the circuit has no input {name}: {known}" for name in given if name not in declared]
    for name, value in given.items():
        if name in declared and (fault := _fault(declared[name], value)):
            faults.append(fault)
    return faults


def bound_digest(source_digest: str, given: Parameters) -> str:
    """Return the digest of a circuit with its parameters; without parameters, the digest of the source."""
    if not given:
        return source_digest
    return digest_of({"circuit": source_digest, "parameters": {name: repr(given[name]) for name in sorted(given)}})


def representatives(inputs: Sequence[Input], bindings: Sequence[Parameters]) -> list[list[tuple[Parameters, int]]]:
    """Choose a few bindings of one circuit from which the resources of all bindings are estimated.

    Bindings that differ only in real numbers form a group: their circuits have the same structure. A group has at most
    8 representatives: one with generic angles, for which no gate can be removed, and those with the smallest and the
    largest value of each real number, such as the longest delay.

    Returns:
        The representatives of each group, each with the number of bindings in the group.
    """
    real = [it.name for it in inputs if it.kind in _REAL]
    groups: dict[tuple[object, ...], list[Parameters]] = {}
    for given in bindings:
        discrete = tuple((name, repr(value)) for name, value in sorted(given.items()) if name not in real)
        groups.setdefault(discrete, []).append(given)
    return [[(it, len(alike)) for it in _extremes(real, alike)] for alike in groups.values()]


def _extremes(real: Sequence[str], alike: Sequence[Parameters]) -> list[Parameters]:
    if len(alike) == 1 or not real:
        return [alike[0]]
    generic = {name: _GENERIC * rank for rank, name in enumerate(real, start=1)}
    chosen: list[Parameters] = [{**alike[0], **generic}]
    for name in real:
        for best in (max, min):
            found = best(alike, key=lambda given: float(given[name]))
            if found not in chosen and len(chosen) < _MOST_REPRESENTATIVES:
                chosen.append(found)
    return chosen


def _fault(declared: Input, value: bool | int | float | str) -> str:
    if declared.kind not in _WANTED:
        return f"input {declared.name} is of type {declared.kind}, which cannot get a value: declare a number or bits"
    if _fits(declared, value):
        return ""
    size = f"[{declared.size}]" if declared.size is not None else ""
    wanted = _WANTED[declared.kind]
    return f"input {declared.name} is of type {declared.kind}{size} and cannot be {value!r:.40}: give {wanted}"


def _fits(declared: Input, value: bool | int | float | str) -> bool:
    kind, size = declared.kind, declared.size
    if isinstance(value, str):
        return kind == "bit" and len(value) == (size or 1)
    if isinstance(value, bool):
        return kind == "bool" or (kind == "bit" and size is None)
    if isinstance(value, float):
        return kind in _REAL and math.isfinite(value)
    width = {"bool": 1, "bit": size or 1}.get(kind, size or _UNSIZED_BITS)
    half = 1 << width - 1
    return kind in _REAL or (-half <= value < half if kind == "int" else 0 <= value < 1 << width)
