"""Verdicts: how much a check examined, and every finding."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["PROMISES", "Finding", "Verdict"]

PROMISES = {
    "I1": "nothing lost: every job ended once, or visibly waits",
    "I2": "money adds up: holds, charges and prices agree to the last digit",
    "I3": "walls: nothing lies outside its tenant's own subjects",
    "I4": "proof: every ended job has one receipt, and it verifies offline",
    "I5": "one truth: the warehouse holds every event exactly once, as LOG has it",
    "I6": "decisions recompute: the same inputs give the same placements",
    "I7": "isolation holds: an isolated backend gets no placement until it is readmitted",
}
"""The invariants that can be checked from outside."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation of an invariant."""

    invariant: str
    subject: str
    """A job as `tenant/job`, an account as `tenant/account`, or a subject."""
    text: str


@dataclass(slots=True)
class Verdict:
    """The result for one invariant on one stack."""

    invariant: str
    checked: int
    """How many jobs, accounts, events or receipts were examined."""
    of: str
    """What was counted: jobs, accounts, events or receipts."""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Information that is not a violation, such as waiting jobs."""

    @property
    def holds(self) -> bool:
        return not self.findings

    def add(self, subject: str, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(self.invariant, subject, text))

    def document(self) -> dict[str, object]:
        """The same for programs, with every finding."""
        return {
            "invariant": self.invariant,
            "promise": PROMISES[self.invariant],
            "holds": self.holds,
            "checked": self.checked,
            "of": self.of,
            "findings": [{"subject": it.subject, "text": it.text} for it in self.findings],
            "notes": self.notes,
        }
