"""States the usage of a job whose backend never states it, as the operator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from queuebit.errors import Forbidden
from queuebit_contracts.query import UsageAnswer, UsageRequest
from queuebit_contracts.subjects import USAGE_REQUEST
from queuebit_contracts.usage import UNITS, Measure
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit.nats_transport import NatsTransport

__all__ = ["measures_of", "state_usage"]

_ANSWER_S = 15.0


def measures_of(texts: list[str]) -> tuple[Measure, ...]:
    """Read measures such as `qpu-time=1500000`.

    Raises:
        Stop: one is none.
    """
    found = []
    for text in texts:
        metric, _, quantity = text.partition("=")
        if metric not in UNITS or not quantity.isdecimal():
            known = ", ".join(f"{name} ({unit}s)" for name, unit in UNITS.items())
            raise Stop(Exit.USAGE, f"{text!r} is no measure: write METRIC=NUMBER, with one of {known}")
        found.append(Measure(metric=metric, quantity=quantity, unit=UNITS[metric]))
    return tuple(found)


def state_usage(operator: NatsTransport, request: UsageRequest) -> UsageAnswer:
    """Have an executor report the usage of a job; return the answer.

    Raises:
        Unreachable: no executor answers.
        Stop: the usage is not owed; nothing was changed.
    """
    answer = asyncio.run(_asked(operator, request))
    if answer.errors:
        raise Stop(Exit.REFUSED, "; ".join(it.text for it in answer.errors))
    return answer


async def _asked(operator: NatsTransport, request: UsageRequest) -> UsageAnswer:
    try:
        reply = await operator.request(USAGE_REQUEST, request.model_dump_json().encode(), timeout=_ANSWER_S)
    except Forbidden as error:
        raise Stop(Exit.REFUSED, "only the operator may state usage: use the home of the stack") from error
    finally:
        await operator.close()
    return UsageAnswer.model_validate_json(reply.body)
