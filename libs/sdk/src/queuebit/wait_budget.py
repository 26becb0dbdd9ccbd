"""The limit of one wait: its timeout, or the time for which the stack did not answer."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["WaitBudget"]

_AWAY_S = 30.0
"""A killed server is restarted well before; a longer outage ends the wait."""
_FIRST_EXPLANATION_S = 10.0


class WaitBudget:
    """The budget of one wait, with a clock in seconds."""

    def __init__(self, clock: Callable[[], float], timeout: float | None) -> None:
        self._clock = clock
        self._began = clock()
        self._timeout = timeout
        self._away_since: float | None = None
        self._explain_at = _FIRST_EXPLANATION_S

    @property
    def waited(self) -> float:
        """Seconds so far."""
        return self._clock() - self._began

    def next(self, pause: float) -> float:
        """The next pause; 0 or less after the timeout."""
        return pause if self._timeout is None else min(pause, self._timeout - self.waited)

    def answered(self) -> None:
        """Note that the stack answered."""
        self._away_since = None

    def lost(self) -> bool:
        """Note that the stack did not answer; return whether to give up."""
        if self._away_since is None:
            self._away_since = self._clock()
        return self._clock() - self._away_since >= _AWAY_S or self.next(1.0) <= 0

    def explain_now(self) -> bool:
        """Whether to explain the wait now: after ten seconds, then each time after twice as long."""
        if self.waited < self._explain_at:
            return False
        self._explain_at *= 2
        return True
