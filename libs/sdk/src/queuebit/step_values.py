"""Values that steps take and return, as JSON: reading them runs no code, unlike a pickle.

Plain values are numbers, complex ones too, text, truth values, None, bytes, `Money`, NumPy arrays of numbers, and
lists, tuples and mappings of these.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any

from queuebit.errors import InvalidInput
from queuebit.sources import read_program_source
from queuebit_kernel import Money, digest

__all__ = ["decoded", "encoded", "encoded_input"]

_NUMBERS = re.compile(r"[<>|=][biufc]\d+")
"""Types of NumPy that hold numbers alone."""


def encoded(value: Any, what: str) -> Any:
    """The JSON of a plain value.

    Raises:
        InvalidInput: it is none; the text calls it `what`.
    """
    return _encoded(value, lambda it: _refuse(it, what))


def encoded_input(value: Any, what: str) -> Any:
    """The JSON of an input, in which a circuit, or the file at a `Path`, is a digest; raises as `encoded`."""

    def circuit(it: Any) -> Any:
        try:
            return {"$circuit": digest(read_program_source(it, measured=False))}
        except InvalidInput:
            return _refuse(it, what)

    return _encoded(value, circuit)


def decoded(document: Any) -> Any:
    """The value of what `encoded` returned.

    Raises:
        ValueError: it did not return this.
    """
    match document:
        case list():
            return [decoded(it) for it in document]
        case dict() if not any(name.startswith("$") for name in document):
            return {name: decoded(it) for name, it in document.items()}
        case {"$tuple": items}:
            return tuple(decoded(it) for it in items)
        case {"$dict": pairs}:
            return {decoded(name): decoded(it) for name, it in pairs}
        case {"$bytes": text}:
            return b64decode(text, validate=True)
        case {"$complex": [real, imaginary]}:
            return complex(real, imaginary)
        case {"$money": [amount, currency]}:
            return Money(Decimal(amount), currency)
        case {"$array": text, "dtype": str(dtype), "shape": shape} if _NUMBERS.fullmatch(dtype):
            numpy = import_module("numpy")  # it was there when the array was stored
            return numpy.frombuffer(b64decode(text, validate=True), dtype=dtype).reshape(shape).copy()
        case dict():
            raise ValueError(f"{[*document]!r:.60} is no value of a step")
        case _:
            return document


def _encoded(value: Any, other: Callable[[Any], Any]) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return float(value)
        case complex():
            return {"$complex": [value.real, value.imag]}
        case bytes():
            return {"$bytes": b64encode(value).decode()}
        case Money():
            return {"$money": [str(value.amount), value.currency]}
        case list():
            return [_encoded(it, other) for it in value]
        case tuple():
            return {"$tuple": [_encoded(it, other) for it in value]}
        case Mapping():
            if all(isinstance(name, str) and not name.startswith("$") for name in value):
                return {name: _encoded(it, other) for name, it in value.items()}
            return {"$dict": [[_encoded(name, other), _encoded(it, other)] for name, it in value.items()]}
        case _ if _NUMBERS.fullmatch(getattr(getattr(value, "dtype", None), "str", "")):
            return _array(value, other)
        case _:
            return other(value)


def _array(value: Any, other: Callable[[Any], Any]) -> Any:
    if not value.shape:
        return _encoded(value.item(), other)
    return {"$array": b64encode(value.tobytes()).decode(), "dtype": value.dtype.str, "shape": [*value.shape]}


def _refuse(value: Any, what: str) -> Any:
    raise InvalidInput(
        f"{what} holds a {type(value).__name__}: give numbers, text, bytes, NumPy arrays of numbers, and lists, tuples "
        "and mappings of these"
    )
