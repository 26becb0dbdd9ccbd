"""A computer of IQM as a target of Qiskit: its qubits, gates, errors and times.

Source: the static architecture (names and order of the qubits), the dynamic quantum architecture (gates for which the
default calibration set has data), and the observations of that set and of its quality metrics. The SDK documents them
in `iqm.station_control.interface.models` and `iqm.station_control.client.qon`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from iqm.station_control.client.qon import ObservationFinder
from iqm.station_control.interface.models import DynamicQuantumArchitecture
from qiskit.circuit import Measure
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from queuebit_quantum.vendor_faults import VendorFailed

__all__ = ["calibrated", "target_of"]

_GATES = {"prx": "r", "cz": "cz", "measure": "measure"}
"""Qiskit's names of IQM's operations. `prx(angle, phase)` is `r(theta, phi)`: both are a rotation by the first angle
about an axis of the equator at the second one."""


def calibrated(qubits: Sequence[str], architecture: DynamicQuantumArchitecture) -> tuple[str, ...]:
    """The qubits that have gates and can be measured, in IQM's order."""
    usable = [{it for locus in architecture.gates[name].loci for it in locus} for name in ("prx", "measure")]
    return tuple(it for it in qubits if all(it in each for each in usable))


def target_of(qubits: Sequence[str], architecture: DynamicQuantumArchitecture, seen: ObservationFinder) -> Target:
    """Return the target; qubit n is the n-th name.

    Raises:
        VendorFailed: its qubits interact through resonators only.
    """
    index = {name: place for place, name in enumerate(qubits)}
    if architecture.computational_resonators and not _pairs(architecture, index):
        raise VendorFailed("its qubits interact through resonators, with MOVE gates, which this plugin does not use")
    t1, t2 = seen.get_coherence_times(qubits)
    target = Target(
        num_qubits=len(qubits), qubit_properties=[QubitProperties(t1=t1.get(it), t2=t2.get(it)) for it in qubits]
    )
    known = get_standard_gate_name_mapping() | {"measure": Measure()}
    for name, gate in _GATES.items():
        if name in architecture.gates:
            target.add_instruction(known[gate], dict(_places(name, architecture, index, seen)), name=gate)
    target.add_instruction(known["delay"], {(place,): None for place in index.values()})
    return target


def _pairs(architecture: DynamicQuantumArchitecture, index: Mapping[str, int]) -> bool:
    gate = architecture.gates.get("cz")
    return gate is not None and any(set(locus) <= index.keys() for locus in gate.loci)


def _places(
    name: str, architecture: DynamicQuantumArchitecture, index: Mapping[str, int], seen: ObservationFinder
) -> Iterator[tuple[tuple[int, ...], InstructionProperties]]:
    gate = architecture.gates[name]
    for locus in gate.loci:
        if len(locus) > 2 or not set(locus) <= index.keys():
            continue
        implementation = gate.get_default_implementation(locus)
        fidelity = seen.get_gate_fidelity(name, implementation, locus)
        properties = InstructionProperties(
            duration=seen.get_gate_duration(name, implementation, locus),
            error=None if fidelity is None else round(1 - fidelity, 12),
        )
        place = tuple(index[it] for it in locus)
        yield place, properties
        if len(place) == 2:  # cz is symmetric
            yield place[::-1], properties
