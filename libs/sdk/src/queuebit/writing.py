"""Writing as a tenant may: the platform takes what is sent at the tenant's pace, and only while its intake runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from random import uniform
from typing import Any

from queuebit.errors import Reason, Refused, Unanswered, Unreachable
from queuebit.transport import Transport
from queuebit_contracts.intake import ERR_MALFORMED, ERR_OTHER_CONTENT, ERR_TOO_FAST

__all__ = ["write"]

_PAUSES_S = (0.2, 0.4, 0.6)
"""Before the same message is sent again: where nothing is confirmed."""

_PATIENCE_S = 15.0
"""How long the same message is sent again while the service that takes it starts."""

_PACED_S = 300.0
"""How long it is sent again while the platform asks for a slower pace."""

_REFUSED = {ERR_MALFORMED: "malformed", ERR_OTHER_CONTENT: "other_content"}
"""What is refused however often it is sent."""


async def write(
    transport: Transport, subject: str, body: bytes, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:  # as the server words it
    """Send until a stream has answered; return its answer, which may be that a guard does not hold.

    Raises:
        Refused: the message breaks its contract, or other content is stored under its name.
        Unreachable: nothing was confirmed in time.
    """
    loop = asyncio.get_running_loop()
    begun, pauses = loop.time(), iter(_PAUSES_S)
    while True:
        try:
            answer: dict[str, Any] = json.loads((await transport.request(subject, body, headers)).body)
            if (code := answer.get("error", {}).get("err_code")) != ERR_TOO_FAST:
                break
            fault: Unreachable = Unreachable(answer["error"]["description"])
            pause: float | None = uniform(0.2, 1.0)  # so that many do not come back at once
            patience = _PACED_S
        except Unanswered as error:
            fault, pause, patience = error, 0.2, _PATIENCE_S
        except Unreachable as error:
            fault, pause, patience = error, next(pauses, None), _PATIENCE_S
        if pause is None or loop.time() - begun > patience:
            raise fault
        await asyncio.sleep(pause)
    if code in _REFUSED:
        raise Refused([Reason(_REFUSED[code], f"the platform does not take it: {answer['error']['description']}")])
    return answer
