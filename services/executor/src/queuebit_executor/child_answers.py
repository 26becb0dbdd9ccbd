"""How the frames that children send are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from queuebit_contracts.query import CircuitError
from queuebit_contracts.results import ItemResult
from queuebit_executor.answers import ItemRan, Ran, Refused, Submitted
from queuebit_executor.manifest import Manifest
from queuebit_planning.limits import TRANSIENT
from queuebit_runtime.frames import Broken, Frame

__all__ = ["read_as", "read_body", "read_item", "read_ran", "read_submitted"]

_A = TypeVar("_A", bound=BaseModel)


def read_ran(frame: Frame) -> Ran | Refused:
    """A run, with the counts of the body."""
    head, counts = frame
    return read_as(Ran)(({**head, "counts": counts}, b""))


def read_item(frame: Frame) -> ItemRan | Refused:
    """An item of a program, with the result of the body."""
    head, body = frame
    if "error" in head:
        return _refusal(head["error"])
    try:
        return _valid(ItemRan, {**head, "result": ItemResult.model_validate_json(body)})
    except ValidationError as error:
        raise Broken(f"a child's answer cannot be read: {error!s:.300}") from error


def read_submitted(frame: Frame) -> Submitted | Refused:
    """A submission at a vendor, with the manifest of the body."""
    head, body = frame
    if "error" in head:
        return _refusal(head["error"])
    try:
        manifest = Manifest.model_validate_json(body) if body else Manifest(items=())
        return _valid(Submitted, {**head, "manifest": manifest})
    except ValidationError as error:
        raise Broken(f"a child's answer cannot be read: {error!s:.300}") from error


def read_body(frame: Frame) -> bytes | Refused:
    """The body of an answer, or its refusal."""
    head, body = frame
    return _refusal(head["error"]) if "error" in head else body


def read_as(model: type[_A]) -> Callable[[Frame], _A | Refused]:
    """How to read an answer of this kind."""

    def read(frame: Frame) -> _A | Refused:
        head, _ = frame
        return _refusal(head["error"]) if "error" in head else _valid(model, head)

    return read


def _refusal(document: Any) -> Refused:  # plain JSON
    error = _valid(CircuitError, document)
    more = {"used_us": document.get("used_us", 0), "wait_s": document.get("wait_s", 0)}
    return _valid(Refused, {"error": error, "lasting": error.code not in TRANSIENT, **more})


def _valid(model: type[_A], document: Any) -> _A:  # plain JSON
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Broken(f"a child's answer cannot be read: {error!s:.300}") from error
