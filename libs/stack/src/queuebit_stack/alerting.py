"""Requests of the operator to the alerting service."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from queuebit_contracts.alert_requests import AlertingAnswer, AlertingRequest
from queuebit_contracts.subjects_alerting import ALERTING_REQUEST
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.operator_requests import answer_to

__all__ = ["answered"]


def answered(home: Home, *, by: str, **order: Any) -> AlertingAnswer:  # as the fields of the request
    """Ask for what `order` says, by the field of the request; without one, for the lists.

    Raises:
        Stop: the request breaks a rule, or is refused; nothing was changed.
        Unreachable: alerting does not answer.
    """
    try:
        request = AlertingRequest.model_validate({"by": by, **order})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise Stop(Exit.USAGE, f"{field}: {first['msg']}") from None
    return answer_to(operator_of(home), ALERTING_REQUEST, request, AlertingAnswer, "ask about alerts")
