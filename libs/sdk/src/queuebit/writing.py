"""Sends messages as a tenant: the platform limits the tenant's rate, and its intake must run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from random import uniform
from typing import Any

from queuebit.errors import Reason, Refused, Unanswered, Unreachable
from queuebit.transport import Transport
from queuebit_contracts.intake import ERR_INSIDE_EVENT, ERR_MALFORMED, ERR_OTHER_CONTENT, ERR_PROTECTED, ERR_TOO_FAST

__all__ = ["INSIDE_EVENT", "write"]

_PAUSES_S = (0.2, 0.4, 0.6)
"""Pauses before a message without confirmation is sent again."""

_RETRY_S = 15.0
"""How long a message is repeated while the intake starts."""

_PACED_S = 300.0
"""How long a message is repeated while the platform asks for a lower rate."""

INSIDE_EVENT = "inside_event"
"""The code of a refusal: contents of the tenant are never inside events."""

_REFUSED = {
    ERR_INSIDE_EVENT: INSIDE_EVENT,
    ERR_MALFORMED: "malformed",
    ERR_OTHER_CONTENT: "other_content",
    ERR_PROTECTED: "protected_data",
}
"""Refusals that repeating cannot change."""


async def write(
    transport: Transport, subject: str, body: bytes, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:  # the form is the server's own
    """Send until a stream answers; return the answer, which may be a failed guard.

    Raises:
        Refused: the message breaks its contract, other content is stored under its name, or a rule of data protection
            found something in it.
        Unreachable: no confirmation in time.
    """
    loop = asyncio.get_running_loop()
    begun, pauses = loop.time(), iter(_PAUSES_S)
    while True:
        try:
            answer: dict[str, Any] = json.loads((await transport.request(subject, body, headers)).body)
            if (code := answer.get("error", {}).get("err_code")) != ERR_TOO_FAST:
                break
            fault: Unreachable = Unreachable(answer["error"]["description"])
            pause: float | None = uniform(0.2, 1.0)  # random, so that clients do not retry together
            limit = _PACED_S
        except Unanswered as error:
            fault, pause, limit = error, 0.2, _RETRY_S
        except Unreachable as error:
            fault, pause, limit = error, next(pauses, None), _RETRY_S
        if pause is None or loop.time() - begun > limit:
            raise fault
        await asyncio.sleep(pause)
    if code in _REFUSED:
        raise Refused([Reason(_REFUSED[code], f"the platform refuses it: {answer['error']['description']}")])
    return answer
