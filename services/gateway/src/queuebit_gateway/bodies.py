"""Reads JSON bodies strictly: what two readers could understand in two ways is refused."""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from queuebit.errors import Reason
from queuebit_gateway.problems import Problem

__all__ = ["DEPTH", "Body", "document", "document_of", "media_type_of", "read", "validated"]

DEPTH: Final = 32
"""How deep arrays and objects may be nested in a body."""

_Body = TypeVar("_Body", bound="Body")


class Body(BaseModel):
    """A body of a request; unknown fields are refused, so that no wish is silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def media_type_of(request: Request) -> str:
    """The media type of a body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read(request: Request, kind: type[_Body]) -> _Body:
    """Read the body of a request; an empty one is an empty object. Raises as `document` and `validated`."""
    return validated(kind, await document(request))


async def document(request: Request) -> Any:  # JSON
    """The JSON of a body; an empty one is an empty object.

    Raises:
        Problem: it is not `application/json`, or not JSON.
    """
    content = await request.body()
    if not content:
        return {}
    if media_type_of(request) != "application/json":
        raise Problem(415, "media_type", "this address reads application/json: say so in Content-Type")
    return document_of(content)


def validated(kind: type[_Body], given: object) -> _Body:
    """A body of this kind; raises a problem with all reasons if it breaks its rules."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        reasons = [
            Reason(
                "invalid_field",
                f"{'.'.join(map(str, it['loc'])) or 'the body'}: {_advice(it['type'], it['loc'], it['msg'])}"[:300],
            )
            for it in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        detail = "; ".join(it.text for it in reasons[:20])
        raise Problem(422, "invalid_body", detail, "see /docs for the fields", reasons[:100]) from error


def _advice(kind: str, place: tuple[int | str, ...], text: str) -> str:
    match kind:
        case "extra_forbidden":
            return "there is no such field"
        case "string_pattern_mismatch" if place[-1:] == ("amount",):
            return 'write the amount as text, like "0.10"'
        case _:
            return text.removeprefix("Value error, ").replace("Input should be", "must be")


def document_of(content: bytes) -> Any:  # JSON
    """Parse JSON.

    Raises:
        Problem: it is none, is nested too deep, or names a member of an object twice.
    """
    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
        if b"\\u" in content:
            json.dumps(found, ensure_ascii=False).encode()  # raises for half of a surrogate pair
    except RecursionError as error:
        raise _too_deep() from error
    except (ValueError, UnicodeDecodeError) as error:
        raise Problem(400, "bad_json", f"the body is not JSON that can be read: {str(error)[:200]}") from error
    if _depth(found) > DEPTH:
        raise _too_deep()
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # JSON
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has two members of one name")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number in JSON")


def _depth(found: object) -> int:
    """How deep a document is nested; stops one level beyond the limit."""
    level, layer = 0, [found]
    while level <= DEPTH and (inner := [it for it in layer if isinstance(it, dict | list)]):
        layer = [child for it in inner for child in (it.values() if isinstance(it, dict) else it)]
        level += 1
    return level


def _too_deep() -> Problem:
    return Problem(422, "too_deep", f"the body is nested too deep: {DEPTH} levels are allowed")
