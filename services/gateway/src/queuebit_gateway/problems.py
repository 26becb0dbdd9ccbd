"""Errors as RFC 9457 problem documents: what happened, all reasons, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from queuebit.errors import Conflict, InvalidInput, NotFound, QueuebitError, Reason, Refused, StillRunning
from queuebit_gateway.answers import encoded
from queuebit_kernel import Fault, Malformed, Unavailable

__all__ = ["PROBLEM", "TITLES", "Problem", "answer_of", "problem_of", "refusal"]

PROBLEM: Final = "application/problem+json"

TITLES: Final[Mapping[int, str]] = {
    400: "The request cannot be read",
    401: "The request does not say who asks",
    403: "This user may not do this",
    404: "There is no such thing",
    405: "This address has no such method",
    406: "There is no answer of this media type",
    409: "The request conflicts with what there is",
    413: "The request is too large",
    415: "The media type is not known here",
    421: "This gateway has another name",
    422: "The request breaks its contract",
    429: "Too many requests",
    500: "The gateway failed",
    503: "The platform does not answer",
}
"""Titles by status; each says the same for every problem with that status."""

_TYPE = "urn:queuebit:problem:"
_RETRYABLE = frozenset({429, 503})


@dataclass(eq=False)
class Problem(Exception):
    """An answer that refuses a request; raise it anywhere in a handler."""

    status: int
    code: str
    """For programs; it never changes."""
    detail: str
    """What happened, for people."""
    next_step: str = ""
    reasons: Sequence[Reason] = ()
    """All reasons; by default the one that `code` and `detail` give."""
    retry_after_s: float | None = None
    retryable: bool | None = None
    """Whether the same request may succeed later; by default that of the status."""
    headers: tuple[tuple[str, str], ...] = ()

    def document(self, request_id: str) -> dict[str, object]:
        """The document as RFC 9457 has it, with the extensions of this API."""
        reasons = self.reasons or (Reason(self.code, self.detail),)
        retryable = self.status in _RETRYABLE if self.retryable is None else self.retryable
        return {
            "type": f"{_TYPE}{self.code}",
            "title": TITLES[self.status],
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "reasons": [{"code": it.code, "text": it.text} for it in reasons],
            "request_id": request_id,
            "retryable": retryable,
            "next_step": self.next_step or None,
        }


def problem_of(error: Exception) -> Problem:
    """The problem that an error of the client library or of the platform is; nothing of NATS is in it."""
    match error:
        case Problem():
            return error
        case Conflict():
            return Problem(409, "key_used", str(error), "use a new key, or send exactly what was sent first")
        case InvalidInput():
            return Problem(422, "invalid_input", str(error))
        case NotFound():
            return Problem(404, "not_found", str(error))
        case StillRunning():
            return Problem(409, "still_running", str(error), "ask again later", retry_after_s=1, retryable=True)
        case Refused(reasons=reasons):
            return refusal(reasons)
        case Malformed():
            return Problem(422, "malformed", str(error))
        case Unavailable() | QueuebitError() | Fault():
            return Problem(
                503,
                "unavailable",
                "a service of the platform does not answer now",
                "repeat the request; with the same key it is safe",
                retry_after_s=1,
            )
    return Problem(500, "internal_error", "an internal error: the gateway's log has it under this request id")


def answer_of(problem: Problem, request_id: str) -> Response:
    """The answer to a request that met a problem."""
    headers = dict(problem.headers)
    if problem.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(problem.retry_after_s))
    return Response(encoded(problem.document(request_id)), problem.status, headers, PROBLEM)


_STATUS_OF: Final = {"busy": 429, "unavailable": 503, "forbidden": 403, "internal_error": 503, "too_large": 422}
"""Statuses of refusals by services; any other code is a request that breaks a rule: 422."""


def refusal(reasons: Sequence[Reason], statuses: Mapping[str, int] = MappingProxyType({})) -> Problem:
    """The problem that a refusal by a service is.

    Args:
        reasons: all of them; the first one decides the status.
        statuses: further statuses by the code of a reason.
    """
    first = reasons[0]
    status = {**_STATUS_OF, **statuses}.get(first.code, 422)
    detail = "; ".join(it.text for it in reasons)
    return Problem(status, first.code, detail, reasons=reasons, retry_after_s=1 if status in _RETRYABLE else None)
