"""How the circuits of a program are compiled, and how their counts are processed after the run.

Both are instructions: what a reader does not know makes it refuse the whole program. A backend that cannot do
what an option needs refuses it as it refuses a feature of a circuit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["POST_STEPS", "READOUT", "ZNE", "CompileOptions", "Decoupling", "PostStep", "post_faults"]

READOUT: Final = "readout-mitigation/1"
"""Corrects counts and expectation values by the readout errors of the backend's calibration."""

ZNE: Final = "zne/1"
"""Extrapolates expectation values to zero noise, from runs whose two-qubit gates are repeated 1, 3 and 5 times."""

POST_STEPS: Final = (READOUT, ZNE)
"""The steps that this version knows, in the order in which a program may have them."""

PostStep = Literal["readout-mitigation/1", "zne/1"]
"""A step by name and version; another version is another step."""

Decoupling = Literal["xx", "xy4"]
"""The pulses in an idle time: `xx`: X, X; `xy4`: X, Y, X, Y."""


class CompileOptions(BaseModel):
    """How circuits are compiled; an absent option leaves the choice to the backend."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimization_level: int | None = Field(default=None, ge=1, le=3, strict=True)
    """The level of Qiskit's preset passes."""
    dynamical_decoupling: Decoupling | None = None
    """Fill idle times of qubits with this sequence of pulses."""
    twirling: int | None = Field(default=None, ge=1, le=64, strict=True)
    """Run each circuit as this many copies, with random Pauli gates around its two-qubit gates that do not change
    what it computes. The shots are divided among the copies, rounded up."""


def post_faults(steps: Sequence[str]) -> Iterator[str]:
    """The faults of a list of steps."""
    if len(set(steps)) != len(steps):
        yield "post: a step is there twice: name each once"
    elif list(steps) != [it for it in POST_STEPS if it in steps]:
        yield f"post: the order is {', '.join(POST_STEPS)}: a step works on the values of the step before it"
