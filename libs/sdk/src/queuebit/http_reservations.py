"""Reservations over a gateway: requests that the user signed, or that the gateway signs with the key of a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from queuebit.http_queries import row_of
from queuebit.http_transport import HttpTransport

if TYPE_CHECKING:
    from queuebit.records import Row
    from queuebit_contracts.reservation import BookReservation, CancelReservation

__all__ = ["book_over_http", "cancel_over_http"]

_JSON: Final = {"content-type": "application/json"}


async def book_over_http(http: HttpTransport, request: BookReservation) -> Row:
    """As `Access.book_reservation`."""
    without = {"tenant", "reservation", "key", *([] if request.proof.key else ["proof"])}
    body = request.model_dump_json(exclude_none=True, exclude=without).encode()
    headers = {**_JSON, "idempotency-key": request.key}
    answer = await http.send("POST", "/v1/reservations", body, headers, repeat=True)
    return _row(answer.body)


async def cancel_over_http(http: HttpTransport, request: CancelReservation) -> Row:
    """As `Access.cancel_reservation`."""
    without = {"tenant", "reservation", *([] if request.proof.key else ["proof"])}
    body = request.model_dump_json(exclude_none=True, exclude=without).encode()
    answer = await http.send("POST", f"/v1/reservations/{request.reservation}:cancel", body, _JSON, repeat=True)
    return _row(answer.body)


def _row(body: bytes) -> Row:
    return row_of(json.loads(body))
