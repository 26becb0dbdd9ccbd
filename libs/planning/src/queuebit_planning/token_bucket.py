"""The rate limit of a vendor, as a token bucket."""

from __future__ import annotations

from typing import Final

__all__ = ["TokenBucket"]

_MINUTE_S: Final = 60.0


class TokenBucket:
    """At most so many tokens in any minute: a tenth of them at once, at least one, and the others evenly.

    A token is taken at once and may be used later, so that calls that wait keep their order.
    """

    def __init__(self, per_minute: int) -> None:
        """Start full.

        Args:
            per_minute: the most tokens of a minute, at least 1.
        """
        burst = max(1, per_minute // 10)
        self._each_s = _MINUTE_S / max(1, per_minute - burst)
        self._ahead_s = (burst - 1) * self._each_s
        self._next = float("-inf")
        """When the next token is there, if none is left."""

    def take(self, now: float) -> float:
        """Take a token; return in how many seconds it may be used."""
        due = max(self._next, now - self._ahead_s)
        self._next = due + self._each_s
        return max(0.0, due - now)

    def wait(self, now: float) -> float:
        """Return in how many seconds a token that is taken now may be used; take none."""
        return max(0.0, self._next - now)
