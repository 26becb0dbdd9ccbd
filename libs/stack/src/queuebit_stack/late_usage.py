"""States the usage of a job whose backend never states it, as the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuebit_contracts.query import UsageAnswer, UsageRequest
from queuebit_contracts.subjects import USAGE_REQUEST
from queuebit_contracts.usage import UNITS, Measure
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.operator_requests import answer_to

if TYPE_CHECKING:
    from queuebit.nats_transport import NatsTransport

__all__ = ["measures_of", "state_usage"]


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
    return answer_to(operator, USAGE_REQUEST, request, UsageAnswer, "state usage")
