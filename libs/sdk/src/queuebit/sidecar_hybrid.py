"""Starts hybrid jobs for the program of a sidecar: with the key of the user, who alone can grant the job's own key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from queuebit.client import AsyncClient
from queuebit.credentials import Credential
from queuebit.documents import hybrid_document
from queuebit.errors import Conflict, InvalidInput, NotFound, QueuebitError, Refused, Unreachable
from queuebit.http_connection import Answer
from queuebit.hybrid_requests import require_python, start_hybrid
from queuebit.sidecar_requests import Request, is_signed, problem
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money

__all__ = ["started", "starts_hybrid"]

_LOOK: Final = "see docs/gateway.md for the fields"


_FIELDS: Final[Mapping[str, type]] = {
    "file": str,
    "parameters": dict,
    "max_time_s": int,
    "max_cost": dict,
    "project": str,
    "purpose": str,
    "label": str,
    "retries": int,
    "tags": list,
}
"""What a program may ask for; `file` is the Python file itself, and the others are as in `run_hybrid`."""


def starts_hybrid(request: Request) -> bool:
    """Whether a request starts a hybrid job that is not signed yet."""
    return (request.method, request.path) == ("POST", "/v1/hybrid-jobs") and not is_signed(request)


async def started(credential: Credential, request: Request) -> Answer:
    """Sign and start it; the answer is that of a gateway to a signed one."""
    try:
        wanted = _fields(request.body)
        source = wanted["file"].encode()
        await asyncio.to_thread(require_python, source, "file")
        async with AsyncClient(credential) as client:
            job = await start_hybrid(
                client,
                source,
                label=wanted.get("label", ""),
                parameters=wanted.get("parameters"),
                max_time=wanted.get("max_time_s", 600),
                max_cost=_money(wanted["max_cost"]) if "max_cost" in wanted else None,
                project=wanted.get("project"),
                purpose=wanted.get("purpose", "interactive"),
                key=request.headers.get("idempotency-key"),
                retries=wanted.get("retries", 0),
                tags=wanted.get("tags", ()),
            )
            status = hybrid_document(await job.status())
    except QueuebitError as error:
        return _refused(error)
    headers = {"content-type": "application/json", "location": f"/v1/hybrid-jobs/{job.id}"}
    return Answer(202, headers, json.dumps({**status, "as_of_seq": None}).encode() + b"\n")


def _fields(body: bytes) -> dict[str, Any]:
    """The fields of a request. Unknown ones are refused, so that no wish is silently ignored.

    Raises:
        InvalidInput: it is no object of JSON with these fields, or has no file.
    """
    try:
        given = json.loads(body or b"{}")
        json.dumps(given, ensure_ascii=False).encode()  # raises for half of a surrogate pair, which is no text
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not JSON that can be read: {str(error)[:200]}") from error
    if not isinstance(given, dict) or not isinstance(given.get("file"), str):
        raise InvalidInput("the body is an object with `file`, the Python file itself as a text")
    for name, value in given.items():
        if name not in _FIELDS:
            raise InvalidInput(f"there is no field {name[:60]}: there are {', '.join(_FIELDS)}")
        if not isinstance(value, _FIELDS[name]):
            kind = {str: "a text", dict: "an object", int: "a whole number", list: "a list"}[_FIELDS[name]]
            raise InvalidInput(f"{name} is {kind}: leave it out for its default")
    return given


def _money(given: Mapping[str, Any]) -> Money:
    try:
        return Amount.model_validate(given).money
    except ValueError as error:
        text = 'max_cost is an amount such as {"amount": "1.50", "currency": "USD"}, with the amount as a text'
        raise InvalidInput(text) from error


def _refused(error: QueuebitError) -> Answer:
    match error:
        case Refused(reasons=(first, *_)):
            status = 403 if first.code in ("forbidden", "delegated") else 422
            return problem(status, first.code, str(error), _LOOK)
        case Conflict():
            return problem(409, "key_used", str(error), "use a new key, or send exactly what was sent first")
        case InvalidInput():
            return problem(422, "invalid_input", str(error), _LOOK)
        case NotFound():
            return problem(404, "not_found", str(error), _LOOK)
        case Unreachable():
            return problem(503, "unavailable", str(error), "repeat the request; with the same key it is safe")
    return problem(422, "refused", str(error), _LOOK)
