"""Requests that only the operator may make on the bus, and their answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from queuebit.errors import Forbidden
from queuebit_contracts.alert_requests import AlertingAnswer
from queuebit_contracts.calendar import WindowsAnswer
from queuebit_contracts.canaries import CanaryAnswer
from queuebit_contracts.erasure import EraseAnswer
from queuebit_contracts.fleet import FleetAnswer
from queuebit_contracts.incidents import IncidentAnswer
from queuebit_contracts.invoice import InvoiceAnswer
from queuebit_contracts.query import BillAnswer, UsageAnswer
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit.nats_transport import NatsTransport

__all__ = ["answer_to"]

_ANSWER_S = 30.0

_A = TypeVar(
    "_A",
    AlertingAnswer,
    BillAnswer,
    CanaryAnswer,
    EraseAnswer,
    FleetAnswer,
    IncidentAnswer,
    InvoiceAnswer,
    UsageAnswer,
    WindowsAnswer,
)


def answer_to(operator: NatsTransport, subject: str, request: BaseModel, kind: type[_A], action: str) -> _A:
    """Make a request, and close the connection.

    Args:
        operator: the connection.
        subject: of the request.
        request: its body.
        kind: what the answer is read as.
        action: what only the operator may do, such as `import a bill`.

    Raises:
        Unreachable: no service answers within 30 s.
        Stop: the request is refused, with all reasons; nothing was changed.
    """
    answer = kind.model_validate_json(asyncio.run(_replied(operator, subject, request, action)))
    if answer.errors:
        raise Stop(Exit.REFUSED, "; ".join(it.text for it in answer.errors))
    return answer


async def _replied(operator: NatsTransport, subject: str, request: BaseModel, action: str) -> bytes:
    try:
        return (await operator.request(subject, request.model_dump_json().encode(), timeout=_ANSWER_S)).body
    except Forbidden as error:
        raise Stop(Exit.REFUSED, f"only the operator may {action}: use the home of the stack") from error
    finally:
        await operator.close()
