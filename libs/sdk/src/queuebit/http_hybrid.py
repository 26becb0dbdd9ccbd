"""Hybrid jobs over a gateway: what the user signed, or the fields that a sidecar signs for a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from queuebit.errors import Refused
from queuebit.http_transport import HttpTransport
from queuebit_kernel import Stale

if TYPE_CHECKING:
    from queuebit_contracts.delegation import DelegateRequest
    from queuebit_contracts.hybrid import HybridSubmitted

__all__ = ["start_over_http"]

_JSON: Final = {"content-type": "application/json"}
_SENT: Final = {"project", "purpose", "label", "max_time_s", "retries", "max_cost", "tags"}
"""Fields of a submission that a program names; a sidecar sets the others."""


async def start_over_http(
    http: HttpTransport, event: HybridSubmitted, grant: DelegateRequest | None, source: bytes
) -> None:
    """As `Access.start_hybrid`."""
    asked = event.data
    body: dict[str, Any]
    if grant is None:
        fields = asked.model_dump(mode="json", exclude_none=True, include=_SENT)
        body = {**fields, "parameters": json.loads(asked.parameters), "file": source.decode()}
    else:
        body = {"event": json.loads(event.to_bytes()), "grant": grant.model_dump(mode="json", exclude_none=True)}
    headers = {**_JSON, "idempotency-key": asked.key}
    try:
        await http.send("POST", "/v1/hybrid-jobs", json.dumps(body).encode(), headers, repeat=True)
    except Refused as error:
        if error.reasons[0].code == "key_used":
            raise Stale(str(error)) from error
        raise
