"""Random numbers from measurements, with statistical checks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import erfc, log2, sqrt

from queuebit_templates.circuits import openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity

__all__ = ["qrng"]

_UPPER = 2.5758293035489008
"""The normal quantile of 0.995, as in NIST SP 800-90B, section 6.3.1."""


class _Random(Parameters):
    bits: int = quantity(256, "bits", "how many random bits", ge=8, le=100_000)
    n: int = quantity(8, "qubits", "qubits that are measured in each shot", ge=1, le=32)


def _program(given: _Random) -> Program:
    source = openqasm(given.n, [f"h q[{it}];" for it in range(given.n)])
    return Program((Item(source),), -(-given.bits // given.n), memory=True)


def _reading(given: _Random, results: Sequence[Measured]) -> Reading:
    bits = "".join(it[::-1] for it in results[0].memory)[: given.bits]
    ones = bits.count("1")
    share = max(ones, len(bits) - ones) / len(bits)
    bound = min(1.0, share + _UPPER * sqrt(share * (1 - share) / (len(bits) - 1)))
    entropy = -log2(bound)
    passed = min(_monobit(bits), _runs(bits)) >= 0.01
    return Reading(
        f"{len(bits)} bits, {ones} of them 1; the checks {'found nothing wrong' if passed else 'failed'}. Bits of a "
        "simulator are pseudo-random: name a device for real ones.",
        {
            "bits": bits,
            "hex": f"{int(bits, 2):0{-(-len(bits) // 4)}x}",
            "ones": ones,
            "monobit_p": _monobit(bits),
            "runs_p": _runs(bits),
            "min_entropy_per_bit": entropy,
            "passed": passed,
        },
    )


def _monobit(bits: str) -> float:
    """The p-value of the frequency test, NIST SP 800-22, section 2.1."""
    return erfc(abs(2 * bits.count("1") - len(bits)) / sqrt(2 * len(bits)))


def _runs(bits: str) -> float:
    """The p-value of the runs test, NIST SP 800-22, section 2.3; 0 where it does not apply."""
    size, share = len(bits), bits.count("1") / len(bits)
    if abs(share - 0.5) >= 2 / sqrt(size):
        return 0.0
    runs = 1 + sum(one != other for one, other in pairwise(bits))
    return erfc(abs(runs - 2 * size * share * (1 - share)) / (2 * sqrt(2 * size) * share * (1 - share)))


qrng = Template(
    name="qrng",
    summary="random bits, with statistical checks",
    parameters=_Random,
    steps=one_job(_program, _reading),
    values={
        "bits": "the bits, in order of the shots, and of the qubits in each",
        "hex": "the same as a hexadecimal number",
        "ones": "how many are 1",
        "monobit_p": "p-value of the frequency test (NIST SP 800-22, 2.1), from 0 to 1",
        "runs_p": "p-value of the runs test (NIST SP 800-22, 2.3), from 0 to 1; 0 if there are far too many 0 or 1",
        "min_entropy_per_bit": "most-common-value estimate (NIST SP 800-90B, 6.3.1), in bits, from 0 to 1",
        "passed": "whether both p-values are 0.01 or more; one of about 50 perfect sequences is not",
    },
    source="Herrero-Collantes and Garcia-Escartin 2017, Quantum random number generators, arXiv:1604.03304",
    example={"bits": 128, "n": 4},
)
