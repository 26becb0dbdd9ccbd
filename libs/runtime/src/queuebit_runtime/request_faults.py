"""Says in plain sentences what is wrong with a request: which field, and what it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from queuebit_contracts.wire import DIGEST, NAME

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["explain_request"]

_MOST = 5
"""Faults that are listed; a requester corrects these first."""

_PATTERNS: Final = {
    NAME: "must be 1 to 64 lower-case letters, digits, '-' or '_', from a letter or digit to another",
    DIGEST: "must be `sha256:` and 64 hexadecimal digits",
}
_ALLOWED: Final = {
    "missing": "is required",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "greater_than_equal": "must be at least {ge:,}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "json_invalid": "is not JSON: {error}",
    "less_than_equal": "must be at most {le:,}",
    "model_type": "must be an object",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "may have at most {max_length:,} characters",
    "string_type": "must be a text",
    "too_long": "may have at most {max_length:,} entries",
    "tuple_type": "must be a list",
}
"""What a field may hold, by the validator's code for what it breaks."""


def explain_request(error: ValidationError) -> str:
    """One sentence with each field that is wrong and what it may hold."""
    faults = error.errors(include_url=False)
    sentences = [f"{'.'.join(map(str, it['loc'])) or 'the body'} {_allowed(it)}" for it in faults[:_MOST]]
    more = [f"and {len(faults) - _MOST} more"] if len(faults) > _MOST else []
    return "; ".join([*sentences, *more])


def _allowed(fault: ErrorDetails) -> str:
    context = fault.get("ctx", {})
    if (known := _PATTERNS.get(context.get("pattern", ""))) is not None:
        return known
    if (text := _ALLOWED.get(fault["type"])) is not None:
        return text.format_map(context)
    return fault["msg"].replace("Input should be", "must be")
