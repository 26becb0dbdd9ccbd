"""Checks input before anything is sent. Each check raises `InvalidInput` and names the value."""

from __future__ import annotations

import json
from datetime import datetime
from operator import index
from typing import Any, SupportsIndex, cast

from queuebit.errors import InvalidInput
from queuebit.text import control_character
from queuebit_kernel import InvalidId, require_token, rfc3339

__all__ = ["WHOLE", "moment", "one_line", "plain_json", "plain_name", "whole_number"]

WHOLE = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact."""


def plain_name(what: str, value: object) -> str:
    """A name of a tenant, project, backend or job."""
    try:
        return require_token(str(value), what)
    except InvalidId as error:
        raise InvalidInput(str(error)) from error


def one_line(what: str, value: object, most: int) -> str:
    """Printable text on one line, with a maximum length."""
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be text, not {value!r:.40}")
    if len(value) > most:
        raise InvalidInput(f"{what} has {len(value)} characters: give at most {most}")
    if found := control_character(value):
        raise InvalidInput(f"{what} contains {found}, a control character: give printable text on one line")
    return value


def whole_number(what: str, value: object, least: int = -WHOLE, most: int = WHOLE) -> int:
    """A whole number of any integer type, such as NumPy's; not `True`, not text."""
    try:
        number = None if isinstance(value, bool) else index(cast("SupportsIndex", value))
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        limits = f" of at most {most:,}" if least == -WHOLE else f" from {least:,} to {most:,}"
        raise InvalidInput(f"{what} must be a whole number{limits}, not {value!r:.40}")
    return number


def moment(what: str, value: datetime | None) -> str | None:
    """A time with its zone, as RFC 3339 has it; None stays None."""
    if value is not None and value.tzinfo is None:
        raise InvalidInput(f"{what} needs a time zone, such as datetime(2026, 11, 1, tzinfo=UTC)")
    return None if value is None else rfc3339(value)


def plain_json(text: str) -> Any:  # what JSON holds
    """JSON that a person wrote.

    Raises:
        ValueError: it is none, nests too deeply, or names something twice, of which one would be ignored.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # as above
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"it names {name!r:.40} twice")
        found[name] = value
    return found
