"""Sends the items of one call as one job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from queuebit import Batch, InvalidInput, Item
from queuebit.series import with_usual_shots
from queuebit_qiskit.notes import annotation
from queuebit_qiskit.options import Options

__all__ = ["Request"]


_NOTHING = {
    "sampler": "nothing is to be run: give at least one pub, with at least one parameter set",
    "estimator": "nothing is to be run: give a pub with a parameter set, and an observable besides I",
    "circuits": "nothing is to be run: give at least one circuit",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for, before it is sent."""

    kind: str
    """`sampler`, `estimator` or `circuits`."""
    items: Sequence[Item]
    """Each with its shots."""
    notes: Sequence[dict[str, Any]]
    label: str = ""
    outputs: Sequence[str] = ("counts",)

    @property
    def shots(self) -> int:
        """The shots of the job; items with others carry their own."""
        return max((it.shots or 0 for it in self.items), default=1)

    def program(self) -> Batch:
        """The program with its notes.

        Raises:
            InvalidInput: there is nothing to run.
        """
        if not self.items:
            raise InvalidInput(_NOTHING[self.kind])
        return Batch(with_usual_shots(self.items, self.shots), self.outputs, annotation(self.kind, self.notes))

    def arguments(self, options: Options) -> dict[str, Any]:
        """The other arguments of `queuebit.Client.submit`."""
        return {
            "shots": self.shots,
            "label": self.label,
            "max_cost": options.max_cost,
            "min_fidelity": options.min_fidelity,
            "deadline": options.deadline,
            "seed": options.seed,
            "project": options.project,
            "purpose": options.purpose,
            "tags": [*options.tags],
            "workload_class": options.workload_class,
            **options.processing(),
        }
