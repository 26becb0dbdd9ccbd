"""What the prober knows: the slot of the last finding, of each probe and backend; and which projects allow reruns."""

from __future__ import annotations

from collections import Counter

from queuebit_contracts.directory import Directory
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.wire import Event
from queuebit_probes.reruns import PROBE
from queuebit_runtime.stored import Stored

__all__ = ["Consents", "Newest"]


class Newest:
    """Folds findings. It grows with probes and backends, not with time."""

    def __init__(self) -> None:
        self.slots: dict[tuple[str, str], int] = {}
        """By probe and backend."""
        self.rerun_slot = -1
        """Of the last old job that was run again."""
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
        if finding.probe == PROBE:
            self.rerun_slot = finding.slot

    def count(self) -> dict[str, int]:
        """How many probes are in each state, by their last finding."""
        return dict(sorted(Counter(self._states.values()).items()))


class Consents:
    """Folds facts about tenants: whose jobs may be run again."""

    def __init__(self) -> None:
        self._directory = Directory()

    def take(self, stored: Stored) -> None:
        """Fold a fact."""
        if isinstance(stored.event, Event):
            self._directory.take(stored.event)

    @property
    def projects(self) -> list[str]:
        """Tenant and project, with a slash between them, of those that allow it."""
        tenants = self._directory.tenant
        return sorted(
            f"{name}/{it}" for name, entry in tenants.items() for it, work in entry.project.items() if work.reruns
        )
