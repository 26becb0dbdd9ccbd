"""Writes numbers and SymPy expressions as OpenQASM 3."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sympy

from queuebit_cirq.errors import NotExported

__all__ = ["is_zero", "number", "written"]

_FUNCTIONS = {
    sympy.acos: "arccos",
    sympy.asin: "arcsin",
    sympy.atan: "arctan",
    sympy.cos: "cos",
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.tan: "tan",
}
_OPERATORS = {sympy.Add: " + ", sympy.Mul: " * ", sympy.Pow: " ** "}


def number(value: Any) -> float | sympy.Expr:
    """A parameter of a gate as a float, or as an expression if it has free symbols.

    Args:
        value: any kind of number that Cirq accepts, or an expression.

    Raises:
        NotExported: it is not a finite real number.
    """
    if isinstance(value, sympy.Basic) and value.free_symbols:
        return value
    plain = complex(value)
    if plain.imag or not math.isfinite(plain.real):
        raise NotExported(f"the parameter {value} is not a finite real number: give another value")
    return plain.real


def is_zero(value: float | sympy.Expr) -> bool:
    """Whether a number is 0; an expression with symbols never is."""
    return isinstance(value, float) and value == 0.0


def written(value: float | sympy.Expr, inputs: Mapping[str, str]) -> str:
    """A number or expression as text.

    Args:
        value: as `number` returns it.
        inputs: the name of the input for each symbol.

    Raises:
        NotExported: the expression has a function that OpenQASM does not.
    """
    if not isinstance(value, sympy.Basic) or value.is_number:  # as floats: OpenQASM divides integers without remainder
        plain = number(value)
        return repr(plain) if plain >= 0 else f"({plain!r})"
    if isinstance(value, sympy.Symbol):
        return inputs[value.name]
    if (operator := _OPERATORS.get(value.func)) is not None:
        return f"({operator.join(written(it, inputs) for it in value.args)})"
    if (function := _FUNCTIONS.get(value.func)) is not None:
        return f"{function}({written(value.args[0], inputs)})"
    raise NotExported(f"the expression {value} cannot be written in OpenQASM: give its symbols values")
