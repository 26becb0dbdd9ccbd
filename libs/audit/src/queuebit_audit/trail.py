"""Reads the events of some subjects as the operator, for the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Never

from queuebit_audit.inspection import as_operator, following
from queuebit_audit.target import Target
from queuebit_runtime.view import Fold, View

__all__ = ["follow_events", "last_sequence", "read_events"]


async def last_sequence(target: Target) -> int:
    """The present end of the log.

    Raises:
        Unavailable: the bus does not answer.
    """
    async with as_operator(target) as bus:
        return await bus.last_sequence()


async def read_events(target: Target, subjects: Sequence[str], take: Fold, *, after: int = 0) -> int:
    """Read to the present end of the log; return its last sequence.

    Args:
        target: the stack.
        subjects: what is read.
        take: takes each message, in order; returns None, or what the next message must wait for.
        after: the sequence after which reading begins.

    Raises:
        Unavailable: the bus does not answer.
    """
    async with as_operator(target) as bus:
        view = View(bus, "operator", subjects, take, after=after)
        await following(view, view.caught_up.wait())
        return max(view.position, view.end)


async def follow_events(target: Target, subjects: Sequence[str], take: Fold, *, after: int = 0) -> Never:
    """Read on and on, until cancelled.

    Raises:
        Unavailable: the bus does not answer.
    """
    async with as_operator(target) as bus:
        await View(bus, "operator", subjects, take, after=after).run()
    raise AssertionError("a view ends with an error or a cancellation")
