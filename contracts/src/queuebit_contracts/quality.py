"""The quality check of a result: what was asked of it, and what the executor found before the job completed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from queuebit_contracts.wire import Wire

__all__ = ["MOST_OUTCOMES", "Expected", "Quality", "QualityCheck", "hellinger_fidelity"]

MOST_OUTCOMES: Final = 4_096
"""Outcomes that a reference may have."""

_OUTCOME = re.compile(r"[01](?: ?[01]){0,4095}")


def _reference(value: Any) -> Any:  # JSON
    if not isinstance(value, dict) or not 1 <= len(value) <= MOST_OUTCOMES:
        raise ValueError(
            f'a reference has 1 to {MOST_OUTCOMES:,} outcomes with their weights, such as {{"00": 1, "11": 1}}'
        )
    for outcome, weight in value.items():
        if not isinstance(outcome, str) or not _OUTCOME.fullmatch(outcome):
            raise ValueError(f"{outcome!r:.40} is no outcome: write the bits as counts have them, such as '01'")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1e15:
            raise ValueError(f"the weight of {outcome:.40} is {weight!r:.40}: give a number from 0 to 1e15")
    if len({_bits(outcome) for outcome in value}) < len(value):
        raise ValueError("it has an outcome twice: spaces between bits mean nothing")
    if not any(value.values()):
        raise ValueError("all of its weights are 0: give at least one outcome that can occur")
    return value


class Expected(BaseModel):
    """What the counts of an item are compared with: a result that falls short of it does not pass its quality check.

    It is part of an instruction: a reader that does not know one of its fields refuses the program.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: Annotated[dict[str, float], BeforeValidator(_reference)]
    """The outcomes and their weights, as shares or counts; what is absent should not occur."""
    floor: float = Field(gt=0, le=1, strict=True)
    """The least Hellinger fidelity, from 0 to 1."""


def hellinger_fidelity(counts: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """(sum over outcomes of sqrt(p q))^2, from 0 to 1; 0 without counts. Weights need not sum to 1.

    Of n shots of k outcomes, shot noise alone takes about (k - 1) / (4 n) away.
    """
    found = {_bits(outcome): weight for outcome, weight in counts.items()}
    all_found, all_wanted = math.fsum(found.values()), math.fsum(reference.values())
    if not all_found:
        return 0.0
    common = math.fsum(math.sqrt(found.get(_bits(outcome), 0) * weight) for outcome, weight in reference.items())
    return min(1.0, common**2 / (all_found * all_wanted))


def _bits(outcome: str) -> str:
    return outcome.replace(" ", "")


class QualityCheck(Wire):
    """One property of a result, beside what it had to be."""

    name: str
    """`shots`: the counts of each circuit sum to the shots that were asked for. `fidelity`: the Hellinger fidelity of
    the counts to the reference of the submission, in millionths, is at least its floor. Others may follow."""
    passed: bool
    value: int
    """What was found; of several circuits, the first that deviates."""
    limit: int
    """What it had to be."""


class Quality(Wire):
    """Whether a result can be used. It passed if all checks did."""

    passed: bool
    checks: tuple[QualityCheck, ...]
