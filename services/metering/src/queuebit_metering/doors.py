"""Requests of the operator that become a fact: the log is read, something is decided, and a guard keeps it true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.subjects import Aggregate
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale
from queuebit_runtime.log import EventLog
from queuebit_runtime.stored import known_events

__all__ = ["Denied", "append_decided"]

_TRIES = 5
"""How often it is decided again because another fact came first."""

_E = TypeVar("_E", bound=AnyEvent)


class Denied(Exception):
    """A request is refused, with every reason."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__("; ".join(it.text for it in reasons))
        self.reasons = reasons

    @classmethod
    def because(cls, code: str, text: str) -> Denied:
        """A refusal with one reason."""
        return cls(Reason(code=code, text=text))


async def append_decided(
    log: EventLog, aggregate: Aggregate, decide: Callable[[Sequence[AnyEvent]], tuple[_E, bool]]
) -> tuple[_E, int]:
    """Append the fact that follows from the history of an aggregate; return it and its sequence, 0 if it was there.

    Args:
        log: where.
        aggregate: all that the decision depends on; nothing of it may change in between.
        decide: returns the fact, and whether it is new; raises `Denied` if there is to be none.

    Raises:
        Denied: as `decide`.
        Stale: others appended again and again.
    """
    fault: Stale | None = None
    for _ in range(_TRIES):
        history = await log.history(aggregate)
        event, is_new = decide(known_events(history))
        if not is_new:
            return event, 0
        after = max((it.sequence for it in history), default=0)
        try:
            return event, await log.append(event, after=after, guard=aggregate.everything)
        except Stale as error:
            fault = error
    raise fault or Stale(aggregate.everything)
