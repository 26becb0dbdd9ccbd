"""Parameters of lists: how many rows."""

from __future__ import annotations

from starlette.requests import Request

from queuebit_gateway.problems import Problem

__all__ = ["limit_of"]

_USUAL, _MOST = 50, 1_000


def limit_of(request: Request) -> int:
    """The number of rows of a page."""
    text = request.query_params.get("limit", str(_USUAL))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= _MOST):
        raise Problem(422, "bad_limit", f"limit is a whole number from 1 to {_MOST:,}")
    return int(text)
