"""The ports on NATS."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pydantic import ValidationError

from queuebit_broker.state import World
from queuebit_contracts.account import AccountHeld
from queuebit_contracts.catalog import decode
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_contracts.subjects import parse, profile
from queuebit_kernel import Unavailable
from queuebit_runtime.bus import Bus
from queuebit_runtime.intake import Undecided
from queuebit_runtime.view import Raw

__all__ = ["BusExecutors", "folding"]

_NEVER_RAN = frozenset({"rejected", "expired"})
"""Ends of jobs of which no run had begun."""

_log = logging.getLogger(__name__)


class BusExecutors:
    """Requests to executors over the bus; a free executor of the stack answers."""

    def __init__(self, bus: Bus, timeout_s: float) -> None:
        self._bus = bus
        self._timeout_s = timeout_s

    async def profile(self, stack: str, request: ProfileRequest) -> ProfileAnswer:
        body = request.model_dump_json(exclude_none=True).encode()
        try:
            reply = await self._bus.request(profile(stack), body, self._timeout_s)
            return ProfileAnswer.model_validate_json(reply)
        except Unavailable as error:
            raise Unavailable(f"no executor of {stack} answered within {self._timeout_s:g} s") from error
        except ValidationError as error:
            _log.exception("the executors of %s answer what is no profile", stack)
            raise Unavailable(f"the executors of {stack} answer what is no profile: upgrade them") from error


def folding(world: World, undecided: Undecided) -> Callable[[Raw], None]:
    """Fold messages of the log into the broker's world.

    Of the end of a job, and of holds that this broker appended, only the subject is read.
    """

    def fold(raw: Raw) -> None:
        it = parse(raw.subject)
        if it.noun == "job":
            world.end(it.tenant, it.id, raw.stored_at, ran=it.event not in _NEVER_RAN)
            undecided.leave(it.tenant, it.id)
        elif it.event == "held" and (job := world.accounts.read_back(it.tenant, raw.sequence)) is not None:
            undecided.leave(it.tenant, job)
        else:
            event = decode(raw.body, raw.subject)
            world.take(event, raw.sequence)
            if isinstance(event, AccountHeld):
                undecided.leave(event.data.tenant, event.data.job)
        world.sequence = raw.sequence

    return fold
