"""Parameters of lists: filters, the number of rows, and the place where a page begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from starlette.requests import Request

from queuebit_contracts.lifecycle import STATES
from queuebit_gateway.problems import Problem
from queuebit_kernel import InvalidId, from_base64url, require_token, rfc3339, to_base64url

__all__ = [
    "MOST_DAYS",
    "MOST_RECORDS",
    "MOST_ROWS",
    "cursor_of",
    "days_of",
    "job_filters",
    "limit_of",
    "moment_of",
    "name_of",
    "page_of",
    "preference",
    "states_of",
]

MOST_ROWS: Final = 1_000
MOST_RECORDS: Final = 200
"""Of the audit trail: an answer of telemetry has no more."""
_USUAL_ROWS: Final = 50
MOST_DAYS: Final = 366
_USUAL_DAYS: Final = 30
_LONGEST_WAIT_S: Final = 60
_NAMES: Final = ("project", "backend", "user", "tag", "session")


def limit_of(request: Request, usual: int = _USUAL_ROWS, most: int = MOST_ROWS) -> int:
    """The number of rows of a page."""
    limit = _number(request.query_params.get("limit", str(usual)))
    if limit is None or not 1 <= limit <= most:
        raise Problem(422, "bad_limit", f"limit is a whole number from 1 to {most:,}")
    return limit


def page_of(request: Request) -> Mapping[str, object]:
    """The fields of a question about facts: their time, and where the page begins."""
    moments = {field: moment_of(request, name) for name, field in (("from", "since"), ("to", "until"))}
    return {**moments, "before": _place(request.query_params.get("after"))}


def days_of(request: Request) -> int:
    """How many days back the sums over jobs go."""
    days = _number(request.query_params.get("days", str(_USUAL_DAYS)))
    if days is None or not 1 <= days <= MOST_DAYS:
        raise Problem(422, "bad_days", f"days is a whole number from 1 to {MOST_DAYS}")
    return days


def name_of(request: Request, parameter: str) -> str | None:
    """A parameter that is a plain name; None if it is absent or empty."""
    if not (value := request.query_params.get(parameter)):
        return None
    try:
        return require_token(value, parameter)
    except InvalidId as error:
        raise Problem(422, "bad_name", str(error)) from error


def job_filters(request: Request) -> Mapping[str, object]:
    """The fields of a question about jobs: filters, page and limit."""
    names = {name: name_of(request, name) for name in _NAMES}
    label = request.query_params.get("label") or None
    if label is not None and len(label) > 200:
        raise Problem(422, "bad_label", "label is the beginning of a label, at most 200 characters")
    states = states_of(request) or None
    return {**names, **page_of(request), "label": label, "states": states, "limit": limit_of(request)}


def cursor_of(rows: Sequence[Mapping[str, object]], limit: int) -> str | None:
    """The cursor of the page after these rows; None if there is none."""
    if len(rows) < limit:
        return None
    return to_base64url(str(rows[-1]["sequence"]).encode())


def preference(request: Request) -> float:
    """The seconds that a client prefers to wait (RFC 7240), at most a minute; 0 if it says nothing."""
    for part in ",".join(request.headers.getlist("prefer")).split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait" and (seconds := _number(value.strip())) is not None:
            return float(min(seconds, _LONGEST_WAIT_S))
    return 0.0


def states_of(request: Request) -> list[str]:
    """The states of jobs that a request names."""
    states = [it for given in request.query_params.getlist("state") for it in given.split(",") if it]
    if unknown := [it for it in states if it not in STATES]:
        raise Problem(422, "bad_state", f"there is no state {unknown[0][:40]!r}: use {', '.join(STATES)}")
    return states


def moment_of(request: Request, parameter: str) -> str | None:
    """A parameter that is a time; None if it is absent or empty."""
    if not (text := request.query_params.get(parameter)):
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return rfc3339(moment)
    except (ValueError, OverflowError) as error:
        raise Problem(422, "bad_time", f"{parameter} is a time like 2026-11-29T12:00:00Z") from error


def _place(cursor: str | None) -> int | None:
    """The sequence before which a page begins."""
    if not cursor:
        return None
    try:
        place = _number(from_base64url(cursor).decode("ascii"))
    except ValueError as error:
        raise _bad_cursor() from error
    if not place:
        raise _bad_cursor()
    return place


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _bad_cursor() -> Problem:
    return Problem(422, "bad_cursor", "after is no cursor: take it from `next` of the page before")
