"""Many streams at once: takes samples as they come, knows what drifts, and has a bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from queuebit_drift.errors import BadSample, BadState
from queuebit_drift.finding import Finding
from queuebit_drift.monitor import Monitor
from queuebit_drift.outcomes import Outcomes
from queuebit_drift.runs import moment
from queuebit_drift.samples import CALIBRATIONS, QUALITY, SPEND, WAITS, Sample, Stream, Watching
from queuebit_kernel import rfc3339

__all__ = ["ROOM", "WATCHED", "Watch"]

WATCHED: Final[Mapping[str, Watching]] = MappingProxyType({
    "quality": QUALITY,
    "success": QUALITY,
    "readout_error": CALIBRATIONS,
    "gate_error": CALIBRATIONS,
    "two_qubit_error": CALIBRATIONS,
    "t1": CALIBRATIONS,
    "t2": CALIBRATIONS,
    "wait": WAITS,
    "spend": SPEND,
})  # fmt: skip
"""How each measure is judged."""

ROOM: Final = 100_000
"""Values that are kept: 17 to 26 MB."""
_EMPTY: Final = 10
"""What a stream without samples counts as."""


@dataclass(slots=True)
class _Watched:
    monitor: Monitor
    last: datetime | None = None
    """The time of its last sample."""
    outcomes: Outcomes | None = None
    """Of the quality of a circuit: which outcomes are right."""

    @property
    def size(self) -> int:
        """How many values it keeps."""
        return _EMPTY + self.monitor.size + (0 if self.outcomes is None else self.outcomes.size)

    def take(self, sample: Sample) -> Finding | None:
        if self.last is not None and sample.at <= self.last:
            return None
        try:
            found = self.monitor.update(sample)
        except BadSample:  # such as a share that is not finite
            return None
        self.last = sample.at
        return found


class Watch:
    """Monitors of bounded size. The state is plain JSON, so that a process that restarts continues."""

    def __init__(self, room: int = ROOM) -> None:
        """Without streams.

        Args:
            room: how many values all monitors may keep. Beyond it, streams are forgotten, those first that had no
                sample for longest.
        """
        self._room = room
        self._kept = 0
        self._streams: dict[Stream, _Watched] = {}
        """The one with the newest sample is last."""

    def __len__(self) -> int:
        return len(self._streams)

    def take(self, stream: Stream, sample: Sample) -> Finding | None:
        """Take a sample of a measure of `WATCHED`; one that is not newer than the last of its stream is left out."""
        with self._watched(stream) as it:
            return it.take(sample)

    def ran(
        self, backend: str, circuit: str, counts: Mapping[str, int], at: datetime, calibration: str, jobs: Sequence[str]
    ) -> Finding | None:
        """Take the counts of jobs with one circuit that ran under one calibration, added up.

        The first jobs say which outcomes are right; from then on, the share of these is watched.
        """
        with self._watched(Stream("quality", backend, part=circuit)) as it:
            it.outcomes = it.outcomes or Outcomes()
            share, shots = it.outcomes.share(counts, len(jobs))
            return it.take(Sample(at, share, shots, calibration, jobs[-1])) if shots else None

    def drift(self, stream: Stream) -> Finding | None:
        """The drift of a stream that has not ended."""
        known = self._streams.get(stream)
        return None if known is None else known.monitor.drift

    @property
    def drifts(self) -> tuple[Finding, ...]:
        """All drifts that have not ended."""
        return tuple(found for it in self._streams.values() if (found := it.monitor.drift) is not None)

    @contextmanager
    def _watched(self, stream: Stream) -> Iterator[_Watched]:
        """The stream as the newest; afterwards, the oldest are forgotten for which there is no room."""
        it = self._streams.pop(stream, None)
        if it is None:
            it = _Watched(Monitor(stream, WATCHED[stream.measure]))
        else:
            self._kept -= it.size
        self._streams[stream] = it
        try:
            yield it
        finally:
            self._kept += it.size
            while self._kept > self._room and self._streams:
                self._kept -= self._streams.pop(next(iter(self._streams))).size

    def state(self) -> list[object]:
        """All that a restart needs, as plain JSON; the settings of `WATCHED` are given again."""
        return [
            {
                "stream": [name.measure, name.backend, name.tenant, name.part],
                "last": None if it.last is None else rfc3339(it.last),
                "outcomes": None if it.outcomes is None else it.outcomes.state(),
                "monitor": it.monitor.state(),
            }
            for name, it in self._streams.items()
        ]

    @classmethod
    def restored(cls, state: object, room: int = ROOM) -> Watch:
        """The watch that wrote this state.

        Raises:
            BadState: it is not such a state: begin without one, and take the samples again.
        """
        made = cls(room)
        if not isinstance(state, list):
            raise BadState("a watch is a list of streams")
        for it in state:
            stream, watched = _restored(it)
            made._streams[stream] = watched
            made._kept += watched.size
        return made


def _restored(it: object) -> tuple[Stream, _Watched]:
    try:
        if not isinstance(it, Mapping):
            raise TypeError
        stream = Stream(*map(str, it["stream"]))
        last, outcomes = it["last"], it["outcomes"]
        return stream, _Watched(
            Monitor.restored(stream, WATCHED[stream.measure], it["monitor"]),
            None if last is None else moment(last),
            None if outcomes is None else Outcomes.restored(outcomes),
        )
    except (AttributeError, KeyError, TypeError):
        raise BadState("a stream has its names, the time of its last sample, outcomes and a monitor") from None
