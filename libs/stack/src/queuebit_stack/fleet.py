"""Requests of the operator about isolated backends."""

from __future__ import annotations

from queuebit_contracts.fleet import FleetAnswer, FleetRequest
from queuebit_contracts.subjects import FLEET_REQUEST
from queuebit_stack.connection import operator_of
from queuebit_stack.home import Home
from queuebit_stack.operator_requests import answer_to

__all__ = ["ask_fleet"]


def ask_fleet(home: Home, request: FleetRequest) -> FleetAnswer:
    """Ask the fleet service for an order, or for the list.

    Raises:
        Stop: the request is refused; nothing was changed.
        Unreachable: the service does not answer.
    """
    return answer_to(operator_of(home), FLEET_REQUEST, request, FleetAnswer, "isolate backends")
