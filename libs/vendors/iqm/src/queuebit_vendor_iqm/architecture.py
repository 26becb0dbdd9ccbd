"""A computer of IQM as a target of Qiskit: its qubits, gates, errors and times.

Source: the static architecture (names and order of the qubits), the dynamic quantum architecture (gates for which the
default calibration set has data), and the observations of that set and of its quality metrics. The SDK documents them
in `iqm.station_control.interface.models` and `iqm.station_control.client.qon`.

Qubits of a star interact through a resonator: one of them moves there and back. The SDK makes the architecture without
resonators, which circuits are compiled for, and adds the MOVE gates to a compiled circuit (`iqm.iqm_client.transpile`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

from iqm.iqm_client.transpile import simplify_architecture
from iqm.station_control.client.qon import ObservationFinder
from iqm.station_control.interface.models import DynamicQuantumArchitecture
from qiskit.circuit import Measure
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

__all__ = ["calibrated", "target_of"]

_GATES = {"prx": "r", "cz": "cz", "measure": "measure"}
"""Qiskit's names of IQM's operations. `prx(angle, phase)` is `r(theta, phi)`: both are a rotation by the first angle
about an axis of the equator at the second one."""


def calibrated(qubits: Sequence[str], architecture: DynamicQuantumArchitecture) -> tuple[str, ...]:
    """The qubits that have gates and can be measured, in IQM's order."""
    usable = [{it for locus in architecture.gates[name].loci for it in locus} for name in ("prx", "measure")]
    return tuple(it for it in qubits if all(it in each for each in usable))


def target_of(qubits: Sequence[str], architecture: DynamicQuantumArchitecture, seen: ObservationFinder) -> Target:
    """Return the target, in which resonators do not occur; qubit n is the n-th name."""
    index = {name: place for place, name in enumerate(qubits)}
    plain = simplify_architecture(architecture)
    t1, t2 = seen.get_coherence_times(qubits)
    target = Target(
        num_qubits=len(qubits), qubit_properties=[QubitProperties(t1=t1.get(it), t2=t2.get(it)) for it in qubits]
    )
    known = get_standard_gate_name_mapping() | {"measure": Measure()}
    for name, gate in _GATES.items():
        if name in plain.gates:
            target.add_instruction(known[gate], dict(_places(name, plain, architecture, index, seen)), name=gate)
    target.add_instruction(known["delay"], {(place,): None for place in index.values()})
    return target


def _places(
    name: str,
    plain: DynamicQuantumArchitecture,
    architecture: DynamicQuantumArchitecture,
    index: Mapping[str, int],
    seen: ObservationFinder,
) -> Iterator[tuple[tuple[int, ...], InstructionProperties]]:
    real, moved = {*architecture.gates[name].loci}, dict(_through_resonators(architecture, seen))
    for locus in plain.gates[name].loci:
        if len(locus) > 2 or not set(locus) <= index.keys():
            continue
        known = locus in real
        properties = _properties(name, locus, architecture, seen) if known else moved[frozenset(locus)]
        place = tuple(index[it] for it in locus)
        yield place, properties
        if len(place) == 2:  # cz is symmetric
            yield place[::-1], properties


def _properties(
    name: str, locus: tuple[str, ...], architecture: DynamicQuantumArchitecture, seen: ObservationFinder
) -> InstructionProperties:
    implementation = architecture.gates[name].get_default_implementation(locus)
    fidelity = seen.get_gate_fidelity(name, implementation, locus)
    return InstructionProperties(
        duration=seen.get_gate_duration(name, implementation, locus),
        error=None if fidelity is None else round(1 - fidelity, 12),
    )


def _through_resonators(
    architecture: DynamicQuantumArchitecture, seen: ObservationFinder
) -> Iterator[tuple[frozenset[str], InstructionProperties]]:
    """Pairs of qubits of a star, with the best of their ways: MOVE, the gate with the resonator, and MOVE back.

    The SDK leaves out moves between gates that follow one another, so these errors and times are the most there are.
    """
    resonators = {*architecture.computational_resonators}
    gates, moves = ([*gate.loci] if (gate := architecture.gates.get(name)) else [] for name in ("cz", "move"))
    ways: dict[frozenset[str], list[InstructionProperties]] = {}
    for stays, moves_there in product(gates, moves):
        if stays[1] in resonators and stays[1] == moves_there[1] and stays[0] != moves_there[0]:
            there = _properties("move", moves_there, architecture, seen)
            way = _joined(there, _properties("cz", stays, architecture, seen), there)
            ways.setdefault(frozenset((stays[0], moves_there[0])), []).append(way)
    for pair, found in ways.items():
        yield pair, min(found, key=lambda it: 1.0 if it.error is None else it.error)


def _joined(*steps: InstructionProperties) -> InstructionProperties:
    """Steps that follow one another; unknown if one of them is."""
    errors = [it.error for it in steps if it.error is not None]
    times = [it.duration for it in steps if it.duration is not None]
    return InstructionProperties(
        duration=sum(times) if len(times) == len(steps) else None,
        error=round(1 - prod(1 - it for it in errors), 12) if len(errors) == len(steps) else None,
    )
