"""What a game day showed: checks in three stages, each with the time since the fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from queuebit_kernel import Clock

__all__ = ["Check", "Score", "Stage"]

Stage = Literal["before", "detection", "containment", "repair"]

_EVERY_S = 1.0
"""The pause between two looks at something that is waited for."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that should be so."""

    stage: Stage
    """`before`: what must work for the day to say anything. `detection`: an operator can know. `containment`: others
    are not hit. `repair`: it is as before."""
    what: str
    passed: bool
    found: str = ""
    """What was seen, in a few words."""
    took_s: float | None = None
    """Seconds from the fault until it was so; absent before the fault."""
    within_s: float | None = None
    """How long it may take; absent of what is looked at once."""


@dataclass(slots=True)
class Score:
    """Collects checks. A check that does not pass ends nothing: the later stages say more."""

    clock: Clock
    sleep: Callable[[float], None]
    report: Callable[[Check], None] = lambda _: None
    """Called after each check."""
    checks: list[Check] = field(default_factory=list)
    _fault_at: float | None = None

    def injected(self) -> None:
        """The fault begins now."""
        self._fault_at = self.clock.monotonic()

    def check(self, stage: Stage, what: str, passed: bool, found: str = "") -> bool:
        """Note something that was looked at once; return whether it is so."""
        return self._note(Check(stage, what, passed, found, self._since()))

    def wait(self, stage: Stage, what: str, look: Callable[[], str | None], within_s: float) -> bool:
        """Look again and again until something is so, or the time is over.

        Args:
            stage: of the check.
            what: should be so.
            look: returns what was seen, or None while it is not so.
            within_s: seconds from now.
        """
        end = self.clock.monotonic() + within_s
        while (found := look()) is None and self.clock.monotonic() < end:
            self.sleep(_EVERY_S)
        return self._note(Check(stage, what, found is not None, found or "not seen", self._since(), within_s))

    @property
    def passed(self) -> bool:
        """Whether there are checks, and all of them passed."""
        return bool(self.checks) and all(it.passed for it in self.checks)

    def took(self, stage: Stage) -> float | None:
        """Seconds from the fault to the first passed check of a stage for detection, and to the last one otherwise."""
        times = [it.took_s for it in self.checks if it.stage == stage and it.passed and it.took_s is not None]
        if not times:
            return None
        return min(times) if stage == "detection" else max(times)

    def _since(self) -> float | None:
        return None if self._fault_at is None else self.clock.monotonic() - self._fault_at

    def _note(self, check: Check) -> bool:
        self.checks.append(check)
        self.report(check)
        return check.passed
