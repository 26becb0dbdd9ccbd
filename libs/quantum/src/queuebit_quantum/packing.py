"""Joins several small circuits on a device, each on a region of its own, and splits what they gave (ADR 0102).

Loads Qiskit only where a circuit is compiled or joined: counts and times are split without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from queuebit_quantum.regions import Region

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

    from queuebit_quantum.circuits import Circuit

__all__ = ["Part", "compile_on_region", "joined", "split_counts", "split_time_us"]


class Part(NamedTuple):
    """One of the circuits."""

    program: QuantumCircuit
    """Compiled; its qubits are those of the region, in their order."""
    region: Region


def compile_on_region(circuit: Circuit, target: Target, region: Region, seed: int, backend: str) -> Part:
    """Compile a circuit for some qubits of a device, as if the device had no others.

    Args:
        circuit: uses at most as many qubits as the region has.
        target: of the device, without gates that failed their calibration.
        region: its qubits, connected by working couplers.
        seed: of the compiler.
        backend: named in a refusal.

    Raises:
        DoesNotFit: the compiler refuses the circuit.
    """
    from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

    from queuebit_quantum.compiling import translate
    from queuebit_quantum.layout import OPTIMIZATION_LEVEL
    from queuebit_quantum.physical import remove_unused_qubits

    program = remove_unused_qubits(circuit.quantum_circuit)
    passes = generate_preset_pass_manager(OPTIMIZATION_LEVEL, target=_of(target, region), seed_transpiler=seed)
    return Part(translate(passes, program, backend), region)


def joined(parts: Sequence[Part], qubits: int) -> QuantumCircuit:
    """All parts as one circuit on a device with so many qubits; the classical bits of one follow those of the last.

    Raises:
        ValueError: two parts share a qubit.
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import ClassicalRegister

    used = [qubit for part in parts for qubit in part.region]
    if len({*used}) < len(used):
        raise ValueError("two circuits share a qubit")
    whole = QuantumCircuit(qubits)
    whole.add_register(ClassicalRegister(sum(part.program.num_clbits for part in parts), "c"))
    first = 0
    for part in parts:
        width = part.program.num_clbits
        whole.compose(part.program, qubits=part.region, clbits=range(first, first + width), inplace=True)
        first += width
    return whole


def split_counts(counts: Mapping[int, int], widths: Sequence[int]) -> tuple[dict[int, int], ...]:
    """The counts of each circuit, from those of all together; each sums to all shots.

    Args:
        counts: shots by outcome; bit 0 of an outcome is the first classical bit of the first circuit.
        widths: the number of classical bits of each circuit.
    """
    found: tuple[dict[int, int], ...] = tuple({} for _ in widths)
    places = [*zip((0, *accumulate(widths)), widths, found, strict=False)]
    for outcome, shots in counts.items():
        for first, width, own in places:
            value = outcome >> first & (1 << width) - 1
            own[value] = own.get(value, 0) + shots
    return found


def split_time_us(whole_us: int, alone_us: Sequence[int]) -> tuple[int, ...]:
    """The share of each circuit in the time of their run, in proportion to its time alone. The sum is the whole.

    Where the run takes at most as long as all of them one after another, no circuit pays for more than its time alone.
    Microseconds that are left by rounding go to the largest remainders, of equal ones to the first.

    Args:
        whole_us: the time of the run.
        alone_us: the time that each circuit would take alone; equal shares if all are 0.
    """
    weights = alone_us if any(alone_us) else [1] * len(alone_us)
    total = sum(weights)
    shares = [whole_us * weight // total for weight in weights]
    remainders = [whole_us * weight % total for weight in weights]
    order = sorted(range(len(weights)), key=lambda it: (-remainders[it], it))
    for number in order[: whole_us - sum(shares)]:
        shares[number] += 1
    return tuple(shares)


def _of(target: Target, region: Region) -> Target:
    """The part of a target on these qubits, which are numbered from 0 in their order."""
    from qiskit.transpiler import Target

    place = {qubit: number for number, qubit in enumerate(region)}
    properties = target.qubit_properties
    part = Target(
        num_qubits=len(region),
        dt=target.dt,
        qubit_properties=None if properties is None else [properties[it] for it in region],
    )
    for name in target.operation_names:
        gate, places = target.operation_from_name(name), target[name]
        if None in places:
            part.add_instruction(gate, name=name)
        elif inside := {on: it for on, it in places.items() if {*on} <= place.keys()}:
            part.add_instruction(
                gate, {tuple(place[it] for it in on): found for on, found in inside.items()}, name=name
            )
    return part
