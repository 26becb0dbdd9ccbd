"""The errors of this package, from the problem documents of a gateway (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any

from queuebit.errors import Forbidden, InvalidInput, NotFound, QueuebitError, Reason, Refused, Unreachable
from queuebit.http_connection import Answer

__all__ = ["PACED", "UnknownJob", "code_of", "error_of"]

PACED = frozenset({"too_fast", "too_many_open"})
"""Codes of refusals that ask for a lower rate: the same request is sent again."""

_INVALID = frozenset({"invalid_input", "bad_limit", "bad_name", "bad_label", "bad_state", "bad_time"})


class UnknownJob(NotFound):
    """The tenant has no such job."""


def error_of(answer: Answer, url: str) -> QueuebitError:
    """The error that the same refusal is on the bus; its text ends with the next step of the document."""
    document = _document(answer)
    code, step = str(document.get("code", f"http_{answer.status}")), str(document.get("next_step") or "")
    detail = _then(str(document.get("detail", "")), step)
    reasons = _reasons(document)
    if reasons:
        reasons[-1] = Reason(reasons[-1].code, _then(reasons[-1].text, step))
    match answer.status:
        case 401:
            text = f"{url} rejects this token: {detail or 'it gives no reason'}"
            return Refused([Reason("forbidden", text if step else f"{text}; ask the operator for a new one")])
        case 403 if code == "forbidden":
            return Forbidden(reasons)
        case 404 if code == "unknown_job":
            return UnknownJob(detail)
        case 404 if document:
            return NotFound(detail)
        case 422 if code in _INVALID:
            return InvalidInput(detail)
        case status if reasons and status not in (502, 503, 504):
            return Refused(reasons)
    if answer.status >= 500:
        text = f"{url} answers {answer.status}{f': {detail}' if detail else ''}"
        return Unreachable(text if step else f"{text}; repeating is safe")
    return Unreachable(f"what answers at {url} is no gateway of Queuebit: it answers {answer.status}")


def code_of(answer: Answer) -> str:
    """The code of a refusal; empty if the answer is no problem document."""
    return str(_document(answer).get("code", ""))


def _then(text: str, step: str) -> str:
    """What happened, and what to do next."""
    return "; ".join(it for it in (text, step) if it)


def _document(answer: Answer) -> dict[str, Any]:  # JSON
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return {}
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _reasons(document: dict[str, Any]) -> list[Reason]:
    given = document.get("reasons")
    rows = given if isinstance(given, list) else []
    return [
        Reason(str(it["code"]), str(it["text"])) for it in rows if isinstance(it, dict) and {"code", "text"} <= {*it}
    ]
