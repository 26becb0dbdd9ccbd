"""That a stream began to drift, or that its drift ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from queuebit_drift.detection import Change
from queuebit_drift.runs import moment, number
from queuebit_drift.samples import Stream
from queuebit_kernel import rfc3339

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A stream began to drift, or its drift ended."""

    stream: Stream
    kind: Literal["drift", "recovered", "new reference"]
    change: Change
    """Of a drift that ended, the change that it began with."""
    effect: float
    """Lower bound of the change: Hellinger infidelity for shares, difference of logarithms else."""
    before: float
    """Mean of the reference, with the season taken out."""
    after: float
    """Mean since the change, likewise."""
    evidence: tuple[str, ...] = ()
    """Ids of the newest samples of the change, at most 20."""

    @property
    def drifts(self) -> bool:
        return self.kind == "drift"

    def ended(self, kind: Literal["recovered", "new reference"]) -> Finding:
        """The end of this drift."""
        return replace(self, kind=kind)

    def state(self) -> dict[str, object]:
        """A drift as plain JSON, without its stream."""
        change = self.change
        return {
            "at": rfc3339(change.at),
            "since": rfc3339(change.since),
            "direction": change.direction,
            "size": change.size,
            "samples": change.samples,
            "detector": change.detector,
            "effect": self.effect,
            "before": self.before,
            "after": self.after,
            "evidence": [*self.evidence],
        }

    @classmethod
    def restored(cls, stream: Stream, state: Mapping[str, object]) -> Finding:
        """The drift that `state` wrote.

        Raises:
            BadState: it is not such a state.
        """
        at, since = moment(state.get("at")), moment(state.get("since"))
        size, effect, before, after = (number(state, name) for name in ("size", "effect", "before", "after"))
        evidence = state.get("evidence")
        change = Change(
            at, since, "up" if state.get("direction") == "up" else "down", size, int(number(state, "samples")),
            str(state.get("detector")),
        )  # fmt: skip
        listed = tuple(map(str, evidence)) if isinstance(evidence, list) else ()
        return cls(stream, "drift", change, effect, before, after, listed)
