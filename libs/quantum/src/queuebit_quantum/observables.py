"""Expectation values of Pauli sums: measurement bases, and estimates from counts. Loads no SDK."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from queuebit_kernel import digest_of
from queuebit_quantum.circuits import Circuit, circuit_of, instance
from queuebit_quantum.errors import CircuitError
from queuebit_quantum.loaded import Loaded

__all__ = ["Basis", "PauliSum", "bases", "expectation", "label", "measured_in", "shares", "sign"]

PauliSum: TypeAlias = Mapping[str, float]
"""Real coefficients by Pauli string. The rightmost letter acts on qubit 0, as in Qiskit's `SparsePauliOp`."""

_LABEL = 60
"""Characters of a label; each item of a program repeats it."""

_ENDS_ONLY = frozenset({"mid_circuit_measurement", "conditional", "assignment", "loop", "while_loop"})
"""Features of circuits without a single state before the final measurements."""


@dataclass(frozen=True, slots=True)
class Basis:
    """A measurement basis, and the terms that its counts estimate."""

    paulis: str
    """The Pauli operator that is measured on each qubit; I for none. The rightmost letter is qubit 0."""
    terms: tuple[str, ...]

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubits that are measured, ascending: the first gives bit 0 of an outcome."""
        return tuple(qubit for qubit, pauli in enumerate(reversed(self.paulis)) if pauli != "I")


def bases(observables: Iterable[PauliSum]) -> tuple[Basis, ...]:
    """Group the terms of all observables so that one basis measures each group.

    Terms commute qubit-wise if on each qubit they are equal or one of them is I; then one rotation per qubit
    diagonalises all of them (Kandala et al. 2017, arXiv:1704.05018; Gokhale et al. 2019, arXiv:1907.13623, section 3).
    Groups are filled greedily, largest total coefficient first: "sorted insertion" of Crawford et al. 2021,
    arXiv:1908.06942. The identity needs no measurement.
    """
    return _grouped(tuple(tuple(it.items()) for it in observables))


@lru_cache(maxsize=64)
def _grouped(observables: tuple[tuple[tuple[str, float], ...], ...]) -> tuple[Basis, ...]:
    """Group the terms; cached, because all items of a sweep have the same observables."""
    weights: dict[str, float] = {}
    for observable in observables:
        for paulis, factor in observable:
            weights[paulis] = weights.get(paulis, 0.0) + abs(factor)
    groups: list[_Group] = []
    for term in sorted((it for it in weights if set(it) != {"I"}), key=lambda it: (-weights[it], it)):
        x, z = _bits(term, "XY"), _bits(term, "ZY")
        for group in groups:
            if not (x | z) & (group.x | group.z) & (x ^ group.x | z ^ group.z):
                group.x, group.z = group.x | x, group.z | z
                group.terms.append(term)
                break
        else:
            groups.append(_Group(x, z, [term]))
    return tuple(Basis(group.paulis(), tuple(group.terms)) for group in groups)


@dataclass(slots=True)
class _Group:
    """Terms that commute qubit-wise, with their union in symplectic form: bit n of x and z gives the Pauli operator on
    qubit n (Aaronson and Gottesman 2004, quant-ph/0406196, section II)."""

    x: int
    z: int
    terms: list[str]

    def paulis(self) -> str:
        width = range(len(self.terms[0]) - 1, -1, -1)
        return "".join("IXZY"[(self.x >> qubit & 1) + 2 * (self.z >> qubit & 1)] for qubit in width)


def _bits(term: str, letters: str) -> int:
    return int("".join("1" if letter in letters else "0" for letter in term), 2)


def measured_in(circuit: Circuit, basis: Basis) -> Circuit:
    """Return the circuit with its final measurements replaced by measurements in a basis.

    X is measured after H, Y after S-dagger and H, Z as it is (Nielsen and Chuang, section 4.3 and exercise 4.13).

    Raises:
        CircuitError: basis and circuit have different numbers of qubits, or the circuit measures before its end.
    """
    if circuit.template is not None:
        measured = _template_measured_in(circuit.template, basis.paulis)
        return instance(measured, circuit.values, _measured_digest(circuit, basis))
    if len(basis.paulis) != circuit.num_qubits:
        text = f"{basis.paulis!r:.40} has {len(basis.paulis)} letters, and the circuit has {circuit.num_qubits} qubits"
        raise CircuitError(f"the observable {text}: write one letter per qubit", code="observable")
    if found := circuit.features & _ENDS_ONLY:
        text = (
            f"the circuit has {', '.join(sorted(found))}, and observables need a circuit that measures only at its end"
        )
        raise CircuitError(text, code="observable")
    from qiskit import ClassicalRegister, QuantumCircuit

    source = circuit.quantum_circuit
    register = ClassicalRegister(len(basis.qubits), "c")
    program = QuantumCircuit(source.qubits, register, global_phase=source.global_phase)
    for step in source.data:
        if step.operation.name != "measure":
            program.append(step.operation, step.qubits, copy=False)
    for bit, qubit in enumerate(basis.qubits):
        pauli = basis.paulis[-1 - qubit]
        if pauli == "Y":
            program.sdg(qubit)
        if pauli != "Z":
            program.h(qubit)
        program.measure(qubit, bit)
    loaded = Loaded(program, (len(basis.qubits),), circuit.physical, (), circuit.verbatim, circuit.places)
    return circuit_of(loaded, _measured_digest(circuit, basis), circuit.language)


@lru_cache(maxsize=64)
def _template_measured_in(template: Circuit, paulis: str) -> Circuit:
    return measured_in(template, Basis(paulis, ()))


def _measured_digest(circuit: Circuit, basis: Basis) -> str:
    return digest_of({"circuit": circuit.digest, "basis": basis.paulis})


def expectation(
    observable: PauliSum,
    measured: Sequence[tuple[Basis, Mapping[str, int]]],
    gains: Sequence[Sequence[float]] = (),
) -> tuple[float, float | None]:
    """Return the mean of an observable over all shots, and its standard error, in the unit of its coefficients.

    Terms of one basis are summed per shot, which includes their covariances. Bases are measured separately, so their
    variances add. The standard error is sqrt(sum over bases of s^2 / n), with s^2 the sample variance over the n shots
    of a basis; it is None if a basis has only one shot. It covers shot noise, not the bias from errors of the device.

    Args:
        observable: the Pauli sum.
        measured: the bases that `bases` returned for it, alone or with other observables, each with its counts.
        gains: for each basis, a factor for each bit of its outcomes; a term has the product over its bits. None: 1.
    """
    value = math.fsum(factor for paulis, factor in observable.items() if set(paulis) == {"I"})
    variance: float | None = 0.0
    for number, (basis, counts) in enumerate(measured):
        masks = [(_mask(term, basis), observable[term]) for term in basis.terms if term in observable]
        terms = [(mask, factor * _gain(mask, gains[number])) for mask, factor in masks] if gains else masks
        if not terms:
            continue
        shots = sum(counts.values())
        readings = [(_reading(terms, int(bits, 2)), count) for bits, count in counts.items()]
        mean = math.fsum(reading * count for reading, count in readings) / shots
        value += mean
        if shots < 2:
            variance = None
        elif variance is not None:
            squares = math.fsum(count * (reading - mean) ** 2 for reading, count in readings)
            variance += squares / (shots - 1) / shots
    return value, None if variance is None else math.sqrt(variance)


def label(observable: PauliSum) -> str:
    """The observable as people write it, such as `ZZ` or `0.5 XI - 2 ZZ`; a long sum is cut."""
    text = ""
    for paulis, factor in observable.items():
        sign = "-" if factor < 0 else "+" if text else ""
        size = "" if abs(factor) == 1 else f"{abs(factor):.6g} "
        text += f" {sign} {size}{paulis}" if text else f"{sign}{size}{paulis}"
        if len(text) > _LABEL:
            return f"{text[: _LABEL - 1]}…"
    return text


def shares(counts: Mapping[str, int]) -> Iterator[tuple[str, float, float]]:
    """Yield each outcome with its share p of the shots, and the standard error sqrt(p (1 - p) / shots) of p.

    The error is that of a binomial proportion. It is 0 if all shots had the same outcome, and too small for few shots
    (Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion").
    """
    shots = sum(counts.values())
    for outcome, count in counts.items():
        share = count / shots
        yield outcome, share, math.sqrt(share * (1 - share) / shots)


def sign(term: str, basis: Basis, outcome: int) -> int:
    """What a term of a basis is in one shot: 1 or -1."""
    return -1 if (outcome & _mask(term, basis)).bit_count() & 1 else 1


def _mask(term: str, basis: Basis) -> int:
    """The bits of an outcome; their parity is the sign of the term."""
    return sum(1 << bit for bit, qubit in enumerate(basis.qubits) if term[-1 - qubit] != "I")


def _gain(mask: int, gains: Sequence[float]) -> float:
    return math.prod(gain for bit, gain in enumerate(gains) if mask >> bit & 1)


def _reading(terms: Sequence[tuple[int, float]], outcome: int) -> float:
    """The value of a sum of terms in one shot: each term is +1 or -1, from the parity of its bits."""
    return math.fsum(-factor if (outcome & mask).bit_count() & 1 else factor for mask, factor in terms)
