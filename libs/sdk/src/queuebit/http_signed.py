"""Requests over a gateway that the user signed, or that the gateway signs with the key of a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from queuebit.http_queries import row_of
from queuebit.http_transport import HttpTransport

if TYPE_CHECKING:
    from queuebit.records import Row
    from queuebit_contracts.reservation import BookReservation, CancelReservation
    from queuebit_contracts.session import CloseSession, OpenSession

__all__ = ["asked_over_http", "made_over_http"]

_JSON: Final = {"content-type": "application/json"}


async def made_over_http(http: HttpTransport, path: str, request: OpenSession | BookReservation, id_field: str) -> Row:
    """Open or book what a request describes; its key is a header, from which the gateway derives its id."""
    headers = {**_JSON, "idempotency-key": request.key}
    return await _sent(http, path, request, {"tenant", id_field, "key"}, headers)


async def asked_over_http(
    http: HttpTransport, path: str, request: CloseSession | CancelReservation, id_field: str
) -> Row:
    """Close or cancel what the path names."""
    return await _sent(http, path, request, {"tenant", id_field}, _JSON)


async def _sent(
    http: HttpTransport,
    path: str,
    request: OpenSession | CloseSession | BookReservation | CancelReservation,
    without: set[str],
    headers: dict[str, str],
) -> Row:
    """Send a request without what the path and the headers say, and without a signature that is missing."""
    without = without if request.proof.key else without | {"proof"}
    body = request.model_dump_json(exclude_none=True, exclude=without).encode()
    return row_of(json.loads((await http.send("POST", path, body, headers, repeat=True)).body))
