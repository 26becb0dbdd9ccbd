"""What the prober knows: the slot of the last finding, of each probe and backend."""

from __future__ import annotations

from collections import Counter

from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_runtime.stored import Stored

__all__ = ["Newest"]


class Newest:
    """Folds findings. It grows with probes and backends, not with time."""

    def __init__(self) -> None:
        self.slots: dict[tuple[str, str], int] = {}
        """By probe and backend."""
        self._states: dict[tuple[str, str], str] = {}

    def take(self, stored: Stored) -> None:
        """Fold a fact."""
        if isinstance(stored.event, ProbeJudged):
            self.note(stored.event.data)

    def note(self, finding: ProbeFinding) -> None:
        """Keep a finding as the last of its probe and backend, whatever its slot: a clock may have been wrong."""
        key = (finding.probe, finding.backend)
        self.slots[key] = finding.slot
        self._states[key] = finding.state

    def count(self) -> dict[str, int]:
        """How many probes are in each state, by their last finding."""
        return dict(sorted(Counter(self._states.values()).items()))
