"""Reads quadratic problems over bits (QUBO), the programs of annealers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits

__all__ = ["FEATURE", "LANGUAGE", "Quadratic", "load"]

LANGUAGE = "qubo"
"""The language of such a program, in its profile."""

FEATURE = "qubo"
"""What a backend must have to run one: no backend for gates has it."""

_FIELDS = ("qubo", "variables", "linear", "quadratic", "offset")
_LARGEST = 1e12
"""Of a factor's magnitude: sums of a million of them stay exact enough to be compared."""


@dataclass(frozen=True, slots=True)
class Quadratic:
    """Minimise offset + sum of linear[i] x[i] + sum of quadratic[i, j] x[i] x[j] over bits x."""

    variables: int
    linear: tuple[tuple[int, float], ...]
    """Variable and factor; each variable at most once."""
    quadratic: tuple[tuple[int, int, float], ...]
    """Two variables, the lower one first, and a factor; each pair at most once."""
    offset: float = 0.0


def load(content: bytes, limits: Limits) -> Quadratic:
    """Read a problem: `{"qubo": "v1", "variables": 2, "linear": [[0, -1]], "quadratic": [[0, 1, 2]], "offset": 0}`.

    Raises:
        CircuitError: it is too large, no JSON, or has an unknown field or a wrong value; the text names it.
    """
    if len(content) > limits.max_source_bytes:
        message = f"the problem has {len(content):,} bytes, more than the {limits.max_source_bytes:,} allowed"
        raise CircuitError(message, code="too_large")
    document = _document(content)
    if unknown := document.keys() - {*_FIELDS}:
        _refuse(f"unknown field {min(unknown)[:80]!r}", f"the fields {', '.join(_FIELDS)}", "unsupported")
    if document.get("qubo") != "v1":
        _refuse("the field qubo is not 'v1'", '"qubo": "v1"', "header")
    variables: Any = document.get("variables")  # plain JSON
    if not _is_whole(variables) or not 1 <= variables <= limits.max_qubits:
        _refuse("the field variables is no whole number in the limits", f"a number from 1 to {limits.max_qubits:,}")
    linear = tuple((one, factor) for one, factor in _terms(document.get("linear", []), "linear", 1, variables))
    pairs = tuple(
        (min(one, other), max(one, other), factor)
        for one, other, factor in _terms(document.get("quadratic", []), "quadratic", 2, variables)
    )
    for name, keys in (("linear", [it[0] for it in linear]), ("quadratic", [it[:2] for it in pairs])):
        if len(set(keys)) < len(keys):
            _refuse(f"{name} has a term twice", "each term once, with the sum of its factors", "redefined")
    offset = document.get("offset", 0)
    if not _is_factor(offset):
        _refuse("the field offset is no number in the limits", f"a number of at most {_LARGEST:g}")
    return Quadratic(variables, linear, pairs, float(offset))


def _document(content: bytes) -> dict[str, Any]:  # plain JSON
    try:
        document = json.loads(content, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise CircuitError(f"it is no JSON: {error.msg}", error.lineno, error.colno) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise CircuitError(f"it is no JSON that can be read: {error!s:.100}") from error
    if not isinstance(document, dict):
        _refuse("the problem is no object", "an object with the fields " + ", ".join(_FIELDS))
    return document


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:  # plain JSON
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is given twice")
    return found


def _terms(given: Any, name: str, places: int, variables: int) -> list[Any]:  # plain JSON, checked here
    expected = f"a list of {'[variable, factor]' if places == 1 else '[variable, other variable, factor]'}"
    if not isinstance(given, list):
        _refuse(f"the field {name} is no list", expected)
    for number, it in enumerate(given):
        if not isinstance(it, list) or len(it) != places + 1 or not all(map(_is_whole, it[:-1])):
            _refuse(f"{name}[{number}] is no term", expected)
        if not all(0 <= at < variables for at in it[:-1]):
            _refuse(
                f"{name}[{number}] names a variable that is not there", f"numbers from 0 to {variables - 1:,}", "index"
            )
        if len({*it[:-1]}) < places:
            _refuse(f"{name}[{number}] has a variable twice", "a linear term, because x * x = x for a bit", "index")
        if not _is_factor(it[-1]):
            _refuse(f"the factor of {name}[{number}] is no number in the limits", f"a number of at most {_LARGEST:g}")
    return [(*it[:-1], float(it[-1])) for it in given]


def _is_whole(value: Any) -> bool:  # plain JSON
    return isinstance(value, int) and not isinstance(value, bool)


def _is_factor(value: Any) -> bool:  # plain JSON
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _LARGEST  # false for NaN; a whole number may be too large for a float


def _refuse(message: str, expected: str, code: str = "syntax") -> NoReturn:
    raise CircuitError(message, expected=expected, code=code)
