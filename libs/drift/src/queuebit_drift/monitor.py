"""Watches one stream: learns a reference, removes what is known, and tells drift from noise."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from queuebit_drift.detection import Change
from queuebit_drift.errors import BadSample, BadState
from queuebit_drift.finding import Finding
from queuebit_drift.reference import Reference
from queuebit_drift.registry import restored
from queuebit_drift.runs import checked, moment, number
from queuebit_drift.samples import Sample, Stream, Watching
from queuebit_kernel import rfc3339

__all__ = ["Monitor"]

_FIELDS: Final = 5


class Monitor:
    """One stream. Samples come in the order of time; the state is plain JSON, so that a restart continues."""

    def __init__(self, stream: Stream, watching: Watching) -> None:
        """Without a reference, which the first samples give."""
        self.stream = stream
        self.watching = watching
        self._detector = watching.fresh()
        self._learning: list[Sample] = []
        self._reference: Reference | None = None
        self._recent: deque[Sample] = deque(maxlen=watching.recent)
        self._epoch: str | None = None
        self._drift: Finding | None = None
        self._calm = 0

    @property
    def drift(self) -> Finding | None:
        """The drift that has not ended; None if there is none, or too little is known."""
        return self._drift

    @property
    def reference(self) -> Reference | None:
        return self._reference

    @property
    def size(self) -> int:
        """How many samples it keeps."""
        return len(self._learning) + len(self._recent)

    def update(self, sample: Sample) -> Finding | None:
        """Take the next sample.

        Raises:
            BadSample: it is not finite, has no time zone, or is older than the one before. The state is as before.
        """
        self._check(sample)
        ended = self._renewed(sample.epoch)
        self._recent.append(sample)
        if self._reference is None:
            self._learn(sample)
            return ended
        z = self._reference.standardised(sample)
        if self._drift is not None:
            return self._recovered(z)
        change = self._detector.update(z, sample.at)
        return self._judged(change, self._reference) if change else ended

    def _check(self, sample: Sample) -> None:
        checked(sample.value)
        if sample.at.tzinfo is None:
            raise BadSample("a sample needs a time with a zone")
        if self._recent and sample.at < self._recent[-1].at:
            raise BadSample(
                f"a sample of {rfc3339(sample.at)} comes after one of {rfc3339(self._recent[-1].at)}: sort the rows by "
                "time, or replay the stream from its beginning"
            )

    def _renewed(self, epoch: str) -> Finding | None:
        """Start again under another calibration or version; a drift ends with it."""
        if epoch == self._epoch:
            return None
        self._epoch = epoch
        ended = self._drift
        self._forget()
        return None if ended is None else ended.ended("new reference")

    def _forget(self) -> None:
        self._learning, self._reference, self._drift, self._calm = [], None, None, 0
        self._recent.clear()
        self._detector.reset()

    def _learn(self, sample: Sample) -> None:
        self._learning.append(sample)
        enough = len(self._learning) >= self.watching.reference
        if enough and sample.at - self._learning[0].at >= self.watching.span:
            self._reference = Reference.learned(self._learning, self.watching)
            self._learning = []
            self._recent.clear()

    def _recovered(self, z: float) -> Finding | None:
        self._calm = self._calm + 1 if abs(z) < 2 else 0
        if self._calm < self.watching.calm or self._drift is None:
            return None
        ended, self._drift, self._calm = self._drift, None, 0
        self._detector.reset()
        return ended.ended("recovered")

    def _judged(self, change: Change, reference: Reference) -> Finding | None:
        """Effect first: what is significant and too small to matter is no drift. A better state is a new reference."""
        shifted = [it for it in self._recent if it.at >= change.since]
        after, effect = reference.shift(shifted)
        if self.watching.worse not in ("both", change.direction):
            self._forget()
            return None
        if effect <= self.watching.effect:
            return None
        evidence = tuple(it.evidence for it in shifted if it.evidence)[-20:]
        self._drift = Finding(self.stream, "drift", change, effect, reference.centre, after, evidence)
        return self._drift

    def state(self) -> dict[str, object]:
        """All that a restart needs, as plain JSON; settings and stream are given again."""
        return {
            "detector": dict(self._detector.state()),
            "learning": [_written(it) for it in self._learning],
            "reference": None if self._reference is None else self._reference.state(),
            "recent": [_written(it) for it in self._recent],
            "epoch": self._epoch,
            "drift": None if self._drift is None else self._drift.state(),
            "calm": self._calm,
        }

    @classmethod
    def restored(cls, stream: Stream, watching: Watching, state: Mapping[str, object]) -> Monitor:
        """The monitor that wrote this state.

        Raises:
            BadState: it is not such a state: start without one, and replay the stream.
        """
        made = cls(stream, watching)
        detector, reference, drift = (state.get(name) for name in ("detector", "reference", "drift"))
        if not isinstance(detector, Mapping):
            raise BadState("the state has no detector")
        made._detector = restored(detector)
        made._learning = _samples(state.get("learning"))
        made._recent.extend(_samples(state.get("recent")))
        made._reference = Reference.restored(reference) if isinstance(reference, Mapping) else None
        made._drift = Finding.restored(stream, drift) if isinstance(drift, Mapping) else None
        epoch = state.get("epoch")
        made._epoch = None if epoch is None else str(epoch)
        made._calm = int(number(state, "calm"))
        return made


def _written(sample: Sample) -> list[object]:
    return [rfc3339(sample.at), sample.value, sample.shots, sample.epoch, sample.evidence]


def _samples(rows: object) -> list[Sample]:
    if not isinstance(rows, list):
        raise BadState("samples are a list of rows")
    found = []
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) != _FIELDS:
            raise BadState(f"a sample has {_FIELDS} fields, not {row!r:.60}")
        named = {"value": row[1], "shots": row[2]}
        found.append(
            Sample(moment(row[0]), number(named, "value"), int(number(named, "shots")), str(row[3]), str(row[4]))
        )
    return found
