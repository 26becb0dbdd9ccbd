"""What a run of a probe showed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from queuebit_replay.comparison import Comparison

__all__ = ["State", "Verdict", "judged", "without_result"]

State = Literal["passed", "unclear", "below", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One run on one backend."""

    state: State
    """`passed`: the fidelity is at its floor or above. `unclear`: it is below, and shot noise can explain that.
    `below`: the true fidelity is below the floor. `failed`: there is no result. `skipped`: nothing is known, since
    the platform refused the cost, or the backend that it is compared with gave no result."""
    text: str
    """For people: what was found."""
    job: str = ""
    comparison: Comparison | None = None

    @property
    def good(self) -> bool:
        """Whether nothing is wrong as far as the run can say."""
        return self.state not in ("below", "failed")


def judged(comparison: Comparison, floor: float, job: str) -> Verdict:
    """The verdict on counts: only a fidelity that is proven to be below its floor is bad."""
    measured = f"fidelity {comparison.fidelity:.4f} of {comparison.shots:,} shots, floor {floor:g}"
    if comparison.fidelity >= floor:
        return Verdict("passed", measured, job, comparison)
    if not comparison.proves_below(floor):
        return Verdict("unclear", f"{measured}: shot noise can explain it", job, comparison)
    return Verdict("below", f"{measured}: it is at most {comparison.at_most:.4f}", job, comparison)


_NO_MONEY = frozenset({"budget_exceeded", "max_cost_exceeded"})


def without_result(text: str, codes: frozenset[str] = frozenset(), job: str = "") -> Verdict:
    """The verdict on a job that gave no counts; one that was refused for its cost says nothing about a backend.

    Args:
        text: why.
        codes: of the reasons.
        job: its id, if it was submitted.
    """
    return Verdict("skipped" if codes and codes <= _NO_MONEY else "failed", text, job)
