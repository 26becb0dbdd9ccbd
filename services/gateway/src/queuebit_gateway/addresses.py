"""Addresses and query parameters that there are not: the answers name what there is.

A parameter that is silently ignored would answer another question than the one that was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Final

from queuebit_gateway.problems import Problem

__all__ = ["no_such_address", "no_such_method", "require_known"]

_LONGEST: Final = 200
"""Longer addresses are compared with no other."""
_NEAR: Final = 0.75
_LISTED: Final = "/docs lists all addresses"


def require_known(method: str, path: str, given: Iterable[str]) -> None:
    """Raise a problem if a request has a query parameter that its address does not have.

    Args:
        method: of the request.
        path: the address, with names for what differs, such as `/v1/jobs/{job}`.
        given: the names in the query.
    """
    known = _parameters().get(("GET" if method == "HEAD" else method, path))
    if known is None or not (unknown := sorted({*given} - {*known})):
        return
    near = get_close_matches(unknown[0], known, n=1)
    there = f"it has {', '.join(known)}" if known else "it has none"
    detail = f"{method} {path} has no parameter {', '.join(it[:60] for it in unknown[:5])}: {there}"
    step = f"did you mean {near[0]}?" if near else f"leave it out, or use one of those; {_LISTED}"
    raise Problem(422, "unknown_parameter", detail, step)


def no_such_address(path: str) -> Problem:
    """The answer to a request for an address that there is not."""
    near = get_close_matches(path, [*_like(path)], n=1, cutoff=_NEAR) if len(path) <= _LONGEST else []
    step = f"did you mean {near[0]}? {_LISTED}" if near else _LISTED
    return Problem(404, "no_such_address", f"there is no address {path[:_LONGEST]}", step)


def no_such_method(method: str, path: str, allowed: str) -> Problem:
    """The answer to a method that an address does not have; `allowed` names those that it has."""
    detail, step = f"{path[:_LONGEST]} has no method {method}", f"use {allowed or 'another one'}; {_LISTED}"
    return Problem(405, "method_not_allowed", detail, step, headers=(("allow", allowed),))


@cache
def _parameters() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """The query parameters by method and address."""
    from queuebit_gateway.operations import OPERATIONS  # most processes are never asked

    return {(it.method, it.path): it.in_query for it in OPERATIONS}


def _like(path: str) -> Iterator[str]:
    """Addresses with as many parts, and with the parts of the path where names stand for what differs."""
    for whole in (path, f"/v1{path}"):
        given = whole.split("/")
        for _, address in _parameters():
            parts = address.split("/")
            if len(parts) == len(given):
                yield "/".join(mine if it.startswith("{") else it for it, mine in zip(parts, given, strict=True))
