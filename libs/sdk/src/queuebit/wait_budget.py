"""How long one wait lasts: until its time is up, until the stack has been away too long, or for as long as it takes."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["WaitBudget"]

_AWAY_S = 30.0
"""A server that was killed is back well before; who waits longer waits for nobody."""
_FIRST_WORDS_S = 10.0


class WaitBudget:
    """Of one wait, by a clock that counts seconds."""

    def __init__(self, clock: Callable[[], float], timeout: float | None) -> None:
        self._clock = clock
        self._began = clock()
        self._timeout = timeout
        self._away_since: float | None = None
        self._words_at = _FIRST_WORDS_S

    @property
    def waited(self) -> float:
        """Seconds so far."""
        return self._clock() - self._began

    def next(self, pause: float) -> float:
        """The next pause; nothing or less once the time is up."""
        return pause if self._timeout is None else min(pause, self._timeout - self.waited)

    def answered(self) -> None:
        """Take note that the stack is there."""
        self._away_since = None

    def lost(self) -> bool:
        """Take note that it does not answer; whether that is reason enough to give up."""
        if self._away_since is None:
            self._away_since = self._clock()
        return self._clock() - self._away_since >= _AWAY_S or self.next(1.0) <= 0

    def wants_words(self) -> bool:
        """Whether it has lasted so long that it has to be explained: after ten seconds, and twice as long each time."""
        if self.waited < self._words_at:
            return False
        self._words_at *= 2
        return True
