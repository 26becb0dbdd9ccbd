"""Entangled states: Bell and GHZ, with their fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt
from typing import Literal

from queuebit_templates.circuits import angle, openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity

__all__ = ["bell", "ghz"]

_SIGNS = {"phi+": (1, -1, 1), "phi-": (-1, 1, 1), "psi+": (1, 1, -1), "psi-": (-1, -1, -1)}
"""The values of XX, YY and ZZ in each Bell state."""


class _Bell(Parameters):
    state: Literal["phi+", "phi-", "psi+", "psi-"] = quantity("phi+", "", "which of the four Bell states")
    shots: int = quantity(1000, "shots", "of the counts, and of each of three measurement bases", ge=1, le=10**6)


def _bell_program(given: _Bell) -> Program:
    body = ["h q[0];", "cx q[0], q[1];"]
    body += ["z q[0];"] if given.state.endswith("-") else []
    body += ["x q[1];"] if given.state.startswith("psi") else []
    source = openqasm(2, body)
    return Program((Item(source), Item(source, observables=({"XX": 1.0}, {"YY": 1.0}, {"ZZ": 1.0}))), given.shots)


def _bell_reading(given: _Bell, results: Sequence[Measured]) -> Reading:
    counted, correlated = results
    values = [it.value for it in correlated.expectations]
    fidelity = (1 + sum(sign * it for sign, it in zip(_SIGNS[given.state], values, strict=True))) / 4
    stderr = sqrt(sum((it.stderr or 0.0) ** 2 for it in correlated.expectations)) / 4
    return Reading(
        f"The fidelity with the Bell state {given.state} is {fidelity:.4f} ± {stderr:.4f}; above 0.5 it is entangled.",
        {
            "fidelity": fidelity,
            "fidelity_stderr": stderr,
            "entangled": fidelity - 2 * stderr > 0.5,
            "correlations": dict(zip(("XX", "YY", "ZZ"), values, strict=True)),
            "counts": dict(counted.counts),
        },
    )


bell = Template(
    name="bell",
    summary="a Bell pair, with its fidelity",
    parameters=_Bell,
    steps=one_job(_bell_program, _bell_reading),
    values={
        "fidelity": "with the state that was asked for, from 0 to 1: (1 ± XX ± YY ± ZZ) / 4",
        "fidelity_stderr": "its standard error from shot noise",
        "entangled": "whether the fidelity exceeds 1/2, which no separable state does, by two standard errors",
        "correlations": "expectation values of XX, YY and ZZ, from -1 to 1",
        "counts": "shots by outcome",
    },
    source="Nielsen and Chuang, Quantum Computation and Quantum Information, section 1.3.6",
    example={"state": "psi-"},
)


class _Ghz(Parameters):
    n: int = quantity(3, "qubits", "size of the state", ge=2, le=64)
    shots: int = quantity(1000, "shots", "of each of n + 1 circuits", ge=1, le=10**6)


def _ghz_program(given: _Ghz) -> Program:
    body = ["h q[0];", *(f"cx q[{it}], q[{it + 1}];" for it in range(given.n - 1))]
    items = [Item(openqasm(given.n, body))]
    for k in range(1, given.n + 1):
        turned = [f"rz({angle(-k * pi / given.n)}) q[{it}];\nh q[{it}];" for it in range(given.n)]
        items.append(Item(openqasm(given.n, [*body, *turned])))
    return Program(tuple(items), given.shots)


def _ghz_reading(given: _Ghz, results: Sequence[Measured]) -> Reading:
    populations = results[0].share("0" * given.n) + results[0].share("1" * given.n)
    parities = [_parity(it) for it in results[1:]]
    coherence = sum((-1) ** k * it for k, it in enumerate(parities, 1)) / given.n
    fidelity = (populations + coherence) / 2
    spread = [(1 - it**2) / max(measured.shots, 1) for it, measured in zip(parities, results[1:], strict=True)]
    noise = populations * (1 - populations) / max(results[0].shots, 1) + sum(spread) / given.n**2
    stderr = sqrt(noise) / 2
    return Reading(
        f"The fidelity with the GHZ state of {given.n} qubits is {fidelity:.4f} ± {stderr:.4f}; "
        "above 0.5 all qubits are entangled.",
        {
            "fidelity": fidelity,
            "fidelity_stderr": stderr,
            "entangled": fidelity - 2 * stderr > 0.5,
            "populations": populations,
            "coherence": coherence,
            "counts": dict(results[0].counts),
        },
    )


def _parity(measured: Measured) -> float:
    total: float = sum((-1) ** bits.count("1") * count for bits, count in measured.counts.items())
    return total / max(measured.shots, 1)


ghz = Template(
    name="ghz",
    summary="a GHZ state of n qubits, with its fidelity",
    parameters=_Ghz,
    steps=one_job(_ghz_program, _ghz_reading),
    values={
        "fidelity": "with the GHZ state, from 0 to 1: (populations + coherence) / 2",
        "fidelity_stderr": "its standard error from shot noise",
        "entangled": "whether the fidelity exceeds 1/2, which needs all qubits to be entangled, by two standard errors",
        "populations": "share of shots in which all bits are equal, from 0 to 1",
        "coherence": "the mean of n parities in turned bases, from -1 to 1",
        "counts": "shots by outcome, without a turn of the basis",
    },
    source="Gühne, Lu, Gao and Pan 2007, Toolbox for entanglement detection and fidelity estimation, quant-ph/0703014",
    example={"n": 5},
)
