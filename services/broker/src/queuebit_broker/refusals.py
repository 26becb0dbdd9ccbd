"""Counts for the audit trail what the broker refuses on the bus; of its callers the gateway counts itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pydantic import BaseModel

from queuebit_broker.state import World
from queuebit_contracts.delegation import DelegationAnswer
from queuebit_contracts.intake import author_of, destination_of
from queuebit_contracts.reservation import ReservationAnswer
from queuebit_contracts.session import SessionAnswer
from queuebit_contracts.subjects import parse
from queuebit_kernel import Unavailable
from queuebit_runtime.access_counter import Who, unverified
from queuebit_runtime.access_recorder import Recorder
from queuebit_runtime.bus_readers import reader_of
from queuebit_runtime.connection import Msg

__all__ = ["Refusals"]

_ANSWERS: Final = (DelegationAnswer, SessionAnswer, ReservationAnswer)


class Refusals:
    """Counts messages and requests of tenants' users."""

    def __init__(self, access: Recorder, world: World) -> None:
        """Count in `access`, keys as the users that the world knows."""
        self._access = access
        self._world = world

    def message(self, message: Msg, code: str) -> None:
        """Count a message that the intake refuses."""
        try:
            named = destination_of(message.subject)
        except ValueError:
            named = message.subject
        self._count(message, author_of(message.subject), "publish", named, code)

    def request(self, request: Msg, answer: BaseModel) -> None:
        """Count an answer that is a refusal."""
        if isinstance(answer, _ANSWERS) and answer.errors and answer.errors[0].code != Unavailable.code:
            self._count(request, parse(request.subject).tenant, "request", request.subject, answer.errors[0].code)

    def login(self, name: str, code: str) -> None:
        """Count a login that is refused before its token is read; the name is what the client gave."""
        self._access.refused("bus", "sign_in", unverified(name), Who(), code)

    def _count(self, message: Msg, tenant: str, kind: str, named: str, code: str) -> None:
        if (who := reader_of(message, tenant)) is None:
            return
        owner = None if who.key is None else self._world.directory.user(tenant, who.key)
        self._access.refused("bus", kind, named, who if owner is None else replace(who, by=owner[0]), code)
