"""Shadow mode: a second policy decides over the same snapshots, and places nothing (ADR 0084)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from queuebit_contracts.canaries import (
    CanaryAborted,
    CanaryDrafted,
    CanaryPromoted,
    CanaryShadowed,
    CanaryStarted,
    Shadow,
)
from queuebit_contracts.catalog import Decoded
from queuebit_kernel import Clock, Unavailable, event_id
from queuebit_runtime.log import EventLog
from queuebit_scheduling import Place, Policy, Snapshot, plan
from queuebit_scheduling.registry import POLICIES
from queuebit_scheduling.shadow import Agreement, agreement

__all__ = ["ShadowPolicies"]

_SHARE: Final = 0.05
"""The part of its time that the scheduler gives to shadows: after a comparison, it makes none for 19 times as long as
that one took."""

_FIRST_S: Final = 15.0
_LONGEST_S: Final = 3600.0
"""Lengths of the periods of reports: each is twice as long as the one before, so that a month has few of them."""

_TICK_S: Final = 1.0
_FAULTS: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a faulty rule raises. It is counted; the scheduler goes on, and later cycles are compared."""

_logger = logging.getLogger(__name__)
_Records = TypeAdapter(tuple[dict[str, str], tuple[str, ...]])


@dataclass(slots=True)
class _Period:
    """What was compared since the last report."""

    since: datetime
    due: float
    """When it is reported, on the monotonic clock."""
    found: Agreement = field(default_factory=Agreement)
    skipped: int = 0
    faults: int = 0


class ShadowPolicies:
    """Follows which canaries try a policy, compares within a bounded share of the time, and reports what it found.

    Only the process that leads has cycles. What it compared since its last report is lost when it leads no longer.
    """

    def __init__(
        self, log: EventLog, clock: Clock, leads: Callable[[], bool], policies: Mapping[str, Policy] = POLICIES
    ) -> None:
        self._log = log
        self._clock = clock
        self._leads = leads
        self._policies = policies
        self._candidates: dict[str, str] = {}
        """The policy that each canary of a policy tries, until it is over."""
        self._running: set[str] = set()
        self._periods: dict[str, _Period] = {}
        self._lengths: dict[str, float] = {}
        """How long the next period of a canary is, in seconds, where it is not the first."""
        self._next = float("-inf")

    @property
    def running(self) -> int:
        """Canaries that are compared."""
        return len(self._running & self._candidates.keys())

    def evolve(self, event: Decoded) -> None:
        """Fold one event of the log."""
        match event:
            case CanaryDrafted(data=plan) if plan.subject == "policy":
                self._candidates.setdefault(plan.canary, str(plan.candidate))
            case CanaryStarted():
                if event.data.canary in self._candidates:
                    self._running.add(event.data.canary)
            case CanaryPromoted() | CanaryAborted():
                self._candidates.pop(event.data.canary, None)
                self._running.discard(event.data.canary)

    def observe(self, snapshot: Snapshot, placed: Sequence[Place]) -> None:
        """Compare the decisions of a cycle with those of each policy in shadow; skip the cycle if it is too early."""
        for canary in sorted(self._running, key=self._compared):
            policy = self._policies.get(self._candidates[canary])
            if policy is None:  # of another version of the scheduler
                continue
            period = self._period(canary)
            begun = self._clock.monotonic()
            if begun < self._next:
                period.skipped += 1
                continue
            try:
                period.found += agreement(placed, plan(policy, snapshot).places)
            except _FAULTS:
                _logger.exception("policy %s of canary %s failed over a snapshot", policy.name, canary)
                period.faults += 1
            ended = self._clock.monotonic()
            self._next = ended + (ended - begun) * (1 / _SHARE - 1)

    def _compared(self, canary: str) -> tuple[int, str]:
        """The sort key: that which was compared least is next."""
        return self._period(canary).found.cycles, canary

    async def run(self) -> None:
        """Report until cancelled; what the log refuses is reported with the next period."""
        while True:
            await asyncio.sleep(_TICK_S)
            for canary, period in [*self._periods.items()]:
                if self._clock.monotonic() >= period.due or canary not in self._running:
                    await self._report(canary, period)

    async def _report(self, canary: str, period: _Period) -> None:
        """Append one report. Its subject has the second in which the period began, so that reports do not meet."""
        del self._periods[canary]
        if canary not in self._running or not self._leads():
            return
        until = self._clock.now()
        data = Shadow(
            canary=canary,
            number=max(1, int(period.since.timestamp())),
            since=period.since,
            until=until,
            skipped=period.skipped,
            faults=period.faults,
            **asdict(period.found),
        )
        name = event_id("canary", canary, "shadowed", period.since.isoformat())
        try:
            await self._log.append(CanaryShadowed(id=name, source="qb/scheduler", time=until, data=data))
        except Unavailable as error:
            _logger.warning("the report about canary %s waits for the log: %s", canary, error)
            later = self._period(canary)
            later.since = period.since
            later.found += period.found
            later.skipped += period.skipped
            later.faults += period.faults
        else:
            self._lengths[canary] = min(2 * self._lengths.get(canary, _FIRST_S), _LONGEST_S)

    def _period(self, canary: str) -> _Period:
        if canary not in self._periods:
            due = self._clock.monotonic() + self._lengths.get(canary, _FIRST_S)
            self._periods[canary] = _Period(self._clock.now(), due)
        return self._periods[canary]

    def freeze(self) -> Callable[[], Iterator[bytes]]:
        """Copy what follows from the log."""
        copied = dict(self._candidates), tuple(sorted(self._running))
        return lambda: iter([_Records.dump_json(copied)])

    def thaw(self, records: Iterable[bytes]) -> Callable[[], None]:
        """Read it; the result makes it the state. Without a record, there are no canaries.

        Raises:
            ValueError: the record is of another form.
        """
        candidates, running = next((_Records.validate_json(it) for it in records), ({}, ()))

        def fill() -> None:
            self._candidates, self._running = candidates, {*running}

        return fill
