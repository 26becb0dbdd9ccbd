"""Everything that the scheduler folds from the log, as one state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from queuebit_runtime.log import Stored
from queuebit_scheduler.expiring import ExpireJobs
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.leading import Leadership
from queuebit_scheduler.rescoring import RescoreJobs
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduler.state import State

__all__ = ["Folding"]

_STATE, _SCORES, _SHADOWS, _CALENDAR = b"=", b"~", b"?", b"@"
"""The first byte of a record says what it is of."""


class Folding:
    """The states of decisions, scores and policies in shadow: they follow one view, so they are stored together."""

    def __init__(
        self,
        state: State,
        rescore: RescoreJobs,
        shadows: ShadowPolicies,
        wake: Callable[[], None],
        leading: Leadership | None = None,
        expire: ExpireJobs | None = None,
    ) -> None:
        self._state = state
        self._rescore = rescore
        self._shadows = shadows
        self._wake = wake
        self._leading = leading
        self._expire = expire

    def evolve(self, stored: Stored) -> None:
        """Fold one event of the log."""
        self._state.evolve(stored.event, stored.sequence, stored.stored_at)
        self._rescore.evolve(stored.event)
        self._shadows.evolve(stored.event)
        if self._leading is not None:
            self._leading.evolve(stored.event)
        if self._expire is not None:
            self._expire.evolve(stored)
        if self._state.waiting:
            self._wake()

    def freeze(self) -> Callable[[], Iterator[bytes]]:
        """Copy all."""
        frozen, encode_scores, encode_shadows = self._state.freeze(), self._rescore.freeze(), self._shadows.freeze()
        encode_calendar = self._state.calendar.freeze()

        def encode() -> Iterator[bytes]:
            yield from (_STATE + record for record in frozen.encode())
            yield from (_SCORES + record for record in encode_scores())
            yield from (_SHADOWS + record for record in encode_shadows())
            yield from (_CALENDAR + record for record in encode_calendar())

        return encode

    def thaw(self, records: Iterable[bytes]) -> Callable[[], None]:
        """Read all; the result makes them the state.

        Raises:
            ValueError: the records are of another form.
        """
        parts: dict[bytes, list[bytes]] = {_STATE: [], _SCORES: [], _SHADOWS: [], _CALENDAR: []}
        for record in records:
            parts.setdefault(record[:1], []).append(record[1:])
        frozen, fill_scores = FrozenState.decode(parts[_STATE]), self._rescore.thaw(parts[_SCORES])
        if frozen.period_us != self._state.period_us:
            raise ValueError("the half-life of service received was another one")
        fill_shadows = self._shadows.thaw(parts[_SHADOWS])
        fill_calendar = self._state.calendar.thaw(parts[_CALENDAR])

        def fill() -> None:
            fill_calendar()  # before the jobs: some of them wait for slots
            self._state.restore(frozen)
            fill_scores()
            fill_shadows()

        return fill
