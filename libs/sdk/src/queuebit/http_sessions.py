"""Sessions over a gateway: requests that the user signed, or that the gateway signs with the key of a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from queuebit.http_queries import row_of
from queuebit.http_transport import HttpTransport

if TYPE_CHECKING:
    from queuebit.records import Row
    from queuebit_contracts.session import CloseSession, OpenSession

__all__ = ["close_over_http", "open_over_http"]

_JSON: Final = {"content-type": "application/json"}


async def open_over_http(http: HttpTransport, request: OpenSession) -> Row:
    """As `Access.open_session`."""
    without = {"tenant", "session", "key", *([] if request.proof.key else ["proof"])}
    body = request.model_dump_json(exclude_none=True, exclude=without).encode()
    headers = {**_JSON, "idempotency-key": request.key}
    answer = await http.send("POST", "/v1/sessions", body, headers, repeat=True)
    return _row(answer.body)


async def close_over_http(http: HttpTransport, request: CloseSession) -> Row:
    """As `Access.close_session`."""
    without = {"tenant", "session", *([] if request.proof.key else ["proof"])}
    body = request.model_dump_json(exclude_none=True, exclude=without).encode()
    answer = await http.send("POST", f"/v1/sessions/{request.session}:close", body, _JSON, repeat=True)
    return _row(answer.body)


def _row(body: bytes) -> Row:
    return row_of(json.loads(body))
