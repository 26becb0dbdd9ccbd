"""Requests of the operator about canaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from queuebit_contracts.canaries import CanaryAnswer, CanaryRequest, CanaryRow
from queuebit_contracts.subjects_alerting import CANARY_REQUEST
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.operator_requests import answer_to

__all__ = ["canaries"]


def canaries(home: Home, *, by: str, **order: Any) -> Sequence[CanaryRow]:  # as the fields of the request
    """Ask for what `order` says, by the field of the request; without one, for the list.

    Raises:
        Stop: the request breaks a rule, or is refused; nothing was changed.
        Unreachable: alerting does not answer.
    """
    try:
        request = CanaryRequest.model_validate({"by": by, **order})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise Stop(Exit.USAGE, f"{field}: {first['msg']}") from None
    return answer_to(operator_of(home), CANARY_REQUEST, request, CanaryAnswer, "change canaries").canaries
