"""Answers in JSON: single objects and lists, each with the sequence of the log as of which it is true."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["encoded", "listed", "money", "newest_sequence", "object_of", "plain", "raw", "shown_fact", "with_money"]

_JSON: Final = "application/json"
_PRIVATE: Final = {"cache-control": "no-store"}


def encoded(content: object) -> bytes:
    """A document as all answers have it: with a line end, so that a shell's prompt follows on a line of its own."""
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def plain(content: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in the form of another standard, which says nothing of the log."""
    return Response(encoded(content), status, dict(headers or {}), _JSON)


def money(amount: object, currency: object) -> dict[str, object] | None:
    """An amount of money; None if there is none."""
    return None if amount is None else {"amount": amount, "currency": currency}


def with_money(row: Mapping[str, object], *amounts: str) -> dict[str, object]:
    """A row with amounts of money in the place of texts and a currency."""
    kept = {name: value for name, value in row.items() if name != "currency"}
    return kept | {name: money(row[name], row["currency"]) for name in amounts if name in row}


def shown_fact(row: Mapping[str, object], *amounts: str) -> dict[str, object]:
    """A row that says what facts say: with amounts of money, and without the sequence of the newest of them."""
    return with_money({name: value for name, value in row.items() if name != "sequence"}, *amounts)


def newest_sequence(rows: Iterable[Mapping[str, object]]) -> int | None:
    """The sequence of the newest fact in any of the rows; None without a row."""
    return max((int(str(it["sequence"])) for it in rows), default=None)


def object_of(
    content: Mapping[str, object], *, as_of: int | None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """One object."""
    body = encoded({**content, "as_of_seq": as_of})
    return Response(body, status, {**_PRIVATE, **(headers or {})}, _JSON)


def listed(
    request: Request, rows: Sequence[Mapping[str, object]], *, as_of: int | None, after: str | None = None
) -> Response:
    """A page of a list; `after` is the cursor of the next one."""
    body = encoded({"data": [*rows], "next": after, "as_of_seq": as_of})
    headers = dict(_PRIVATE)
    if after is not None:
        headers["link"] = f'<{request.url.include_query_params(after=after)}>; rel="next"'
    return Response(body, 200, headers, _JSON)


def raw(content: bytes, media_type: str, *, as_of: int, tag: str | None = None) -> Response:
    """Bytes as they are stored; with a `tag` if they never change."""
    headers = {**_PRIVATE, "queuebit-as-of-seq": str(as_of)}
    if tag is not None:
        headers["etag"] = f'"{tag}"'
    return Response(content, 200, headers, media_type)
