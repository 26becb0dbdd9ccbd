"""What an object holds, so that two states can be compared completely, whatever they offer to their users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

__all__ = ["contents"]

_VALUES = str | bytes | int | Decimal | datetime


def contents(found: object) -> object:
    """The values in an object and in all objects that it has, without empty containers, functions and the like."""
    if isinstance(found, BaseModel):
        return contents(found.model_dump())
    if isinstance(found, Mapping):
        values = ((repr(contents(name)), contents(it)) for name, it in found.items())
        return {name: it for name, it in values if it not in ({}, [], set())}
    if isinstance(found, list | tuple | set | frozenset):
        every = [contents(it) for it in found]
        return sorted(every, key=repr) if isinstance(found, set | frozenset) else every
    if is_dataclass(found):
        return {it.name: contents(getattr(found, it.name)) for it in fields(found)}
    if not callable(found) and type(found).__module__.startswith("queuebit"):
        return contents(vars(found))
    return found if isinstance(found, _VALUES) else None
