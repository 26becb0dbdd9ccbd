"""VQE: the least energy of a Hamiltonian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import atan2, pi
from random import Random
from typing import Self

from pydantic import model_validator

from queuebit_templates.circuits import openqasm
from queuebit_templates.definition import (
    Estimate,
    Item,
    Measured,
    Parameters,
    Program,
    Reading,
    Steps,
    Template,
    quantity,
)

__all__ = ["vqe"]

_H2 = {
    "II": -1.052373245772859,
    "IZ": 0.39793742484318045,
    "ZI": -0.39793742484318045,
    "ZZ": -0.01128010425623538,
    "XX": 0.18093119978423156,
}


class _Molecule(Parameters):
    hamiltonian: dict[str, float] = quantity(
        _H2, "as the energy, here Hartree", "factors of Pauli strings; default: H2 at 0.735 angstrom", min_length=1
    )
    layers: int = quantity(1, "layers", "entangling layers of the ansatz", ge=0, le=10)
    sweeps: int = quantity(3, "sweeps", "how often each angle is optimised", ge=1, le=50)
    shots: int = quantity(1000, "shots", "of each measurement basis", ge=1, le=10**6)
    seed: int = quantity(1, "", "of the first angles", ge=0)

    @model_validator(mode="after")
    def _is_a_hamiltonian(self) -> Self:
        if any(not it or it.strip("IXYZ") for it in self.hamiltonian) or len({len(it) for it in self.hamiltonian}) > 1:
            raise ValueError("hamiltonian must have Pauli strings of one length as names, such as XX and ZI")
        if self.qubits > 16:
            raise ValueError(f"the Hamiltonian has {self.qubits} qubits; the most are 16")
        if not self.terms:
            raise ValueError("the Hamiltonian must have a term other than the identity")
        return self

    @property
    def qubits(self) -> int:
        return len(next(iter(self.hamiltonian)))

    @property
    def terms(self) -> dict[str, float]:
        """Without the identity, whose value is known."""
        return {it: factor for it, factor in self.hamiltonian.items() if it.strip("I") and factor}

    @property
    def constant(self) -> float:
        return sum(factor for it, factor in self.hamiltonian.items() if not it.strip("I"))

    @property
    def angles(self) -> int:
        return self.qubits * (self.layers + 1)


def _ansatz(given: _Molecule) -> str:
    """Rotations about Y, and between them chains of CX; real amplitudes."""
    body = []
    for layer in range(given.layers + 1):
        first = layer * given.qubits
        body += [f"ry(t{first + it}) q[{it}];" for it in range(given.qubits)]
        if layer < given.layers:
            body += [f"cx q[{it}], q[{it + 1}];" for it in range(given.qubits - 1)]
    return openqasm(given.qubits, body, inputs=[f"t{it}" for it in range(given.angles)], measured=())


def _steps(given: _Molecule) -> Steps:
    """Optimise one angle after another in closed form.

    The energy is A sin(t + B) + C in each angle t of a Pauli rotation, so that three values give its minimum
    (Ostaszewski, Grant and Benedetti 2021, Structure optimization for parameterized quantum circuits,
    arXiv:1905.09692).
    """
    source, draw = _ansatz(given), Random(given.seed)
    angles = [pi * (2 * draw.random() - 1) for _ in range(given.angles)]
    course: list[float] = []
    for _ in range(given.sweeps):
        for at in range(len(angles)):
            turns = (0.0, pi / 2, -pi / 2)
            tried = [[*angles[:at], angles[at] + turn, *angles[at + 1 :]] for turn in turns]
            here, more, less = _energies(given, (yield _program(given, source, tried)))
            turn = -pi / 2 - atan2(2 * here.value - more.value - less.value, more.value - less.value)
            angles[at] = (angles[at] + turn + pi) % (2 * pi) - pi
        course.append(here.value)
    (last,) = _energies(given, (yield _program(given, source, [angles])))
    noise = "" if last.stderr is None else f" ± {last.stderr:.4f}"
    return Reading(
        f"The energy is {last.value:.6f}{noise} after {given.sweeps} sweeps over {len(angles)} angles.",
        {"energy": last.value, "energy_stderr": last.stderr, "angles": angles, "course": [*course, last.value]},
    )


def _program(given: _Molecule, source: str, points: Sequence[Sequence[float]]) -> Program:
    named: list[Mapping[str, float]] = [{f"t{at}": it for at, it in enumerate(point)} for point in points]
    return Program(tuple(Item(source, it, (given.terms,)) for it in named), given.shots)


def _energies(given: _Molecule, results: Sequence[Measured]) -> list[Estimate]:
    return [Estimate(it.expectations[0].value + given.constant, it.expectations[0].stderr) for it in results]


vqe = Template(
    name="vqe",
    summary="VQE for the least energy of a Hamiltonian",
    parameters=_Molecule,
    steps=_steps,
    values={
        "energy": "of the last angles, in the unit of the Hamiltonian; of H2 without the repulsion of the nuclei",
        "energy_stderr": "its standard error from shot noise",
        "angles": "of the ansatz, in radians: all qubits of the first layer, then of the next",
        "course": "the energy before the last angle of each sweep was optimised, and at the end",
    },
    source="Peruzzo et al. 2014, arXiv:1304.3061; Hamiltonian of H2: O'Malley et al. 2016, arXiv:1512.06860, "
    "reduced to two qubits by parity",
    example={"hamiltonian": {"ZZ": -1, "XI": -0.5, "IX": -0.5}, "sweeps": 4},
    jobs=lambda given: given.sweeps * given.angles + 1,
)
