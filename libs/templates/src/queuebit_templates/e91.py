"""The E91 protocol: a key from entangled pairs, and a Bell inequality that shows an eavesdropper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from math import pi, sqrt
from random import Random
from typing import NamedTuple

from queuebit_templates.circuits import angle, openqasm
from queuebit_templates.definition import Measured, Parameters, Program, Reading, Template, one_job, quantity
from queuebit_templates.key_rates import outcomes, signals_program

__all__ = ["e91"]

_ALICE = (0.0, pi / 4, pi / 2)
_BOB = (pi / 4, pi / 2, 3 * pi / 4)
"""Directions of the measurements in the plane of Z and X, in radians from Z."""
_SAME = {(1, 0), (2, 1)}
"""Pairs of settings with equal directions, for the key."""
_CHSH = {(0, 0): 1, (0, 2): -1, (2, 0): 1, (2, 2): 1}
"""Signs of the correlations in S."""


class _Pairs(Parameters):
    pairs: int = quantity(1024, "pairs", "how many entangled pairs are shared", ge=64, le=100_000)
    eavesdropper: bool = quantity(False, "", "whether Eve measures Bob's qubit in a random basis, and sends it on")
    seed: int = quantity(1, "", "of the random choices of Alice, Bob and Eve", ge=0)


class _Choice(NamedTuple):
    alice: int
    bob: int
    eve: str
    """Empty if there is no eavesdropper."""


def _sent(given: _Pairs) -> list[_Choice]:
    draw = Random(given.seed)
    return [
        _Choice(int(3 * draw.random()), int(3 * draw.random()), "ZX"[draw.random() < 0.5] if given.eavesdropper else "")
        for _ in range(given.pairs)
    ]


def _source(choice: _Choice) -> str:
    body = ["h q[0];", "cx q[0], q[1];"]
    turn = ["h q[1];"] if choice.eve == "X" else []
    body += ["barrier q;", *turn, "bit eve;", "eve = measure q[1];", *turn, "barrier q;"] if choice.eve else []
    body += [f"ry({angle(-_ALICE[choice.alice])}) q[0];", f"ry({angle(-_BOB[choice.bob])}) q[1];"]
    return openqasm(2, body)


def _sources(given: _Pairs) -> dict[_Choice, str]:
    eves = "ZX" if given.eavesdropper else ("",)
    return {it: _source(it) for it in (_Choice(*choice) for choice in product(range(3), range(3), eves))}


def _program(given: _Pairs) -> Program:
    return signals_program(_sent(given), _sources(given))


def _reading(given: _Pairs, results: Sequence[Measured]) -> Reading:
    sent = _sent(given)
    found: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    key: list[tuple[str, str]] = []
    for choice, outcome in zip(sent, outcomes(sent, _sources(given), results), strict=True):
        alice, bob = outcome[-1], outcome[-2]
        settings = (choice.alice, choice.bob)
        found[settings].append(1 if alice == bob else -1)
        if settings in _SAME:
            key.append((alice, bob))
    means = {it: sum(found[it]) / max(len(found[it]), 1) for it in _CHSH}
    chsh = sum(sign * means[it] for it, sign in _CHSH.items())
    stderr = sqrt(sum((1 - means[it] ** 2) / max(len(found[it]), 1) for it in _CHSH))
    errors = sum(alice != bob for alice, bob in key)
    accepted = chsh - 2 * stderr > 2
    return Reading(
        f"S is {chsh:.3f} ± {stderr:.3f}: "
        + (f"above 2, so that the {len(key)} bits of the key are private." if accepted else "not above 2: no key."),
        {
            "chsh": chsh,
            "chsh_stderr": stderr,
            "accepted": accepted,
            "error_rate": errors / max(len(key), 1),
            "key_bits": len(key),
            "alice_key": "".join(it for it, _ in key) if accepted else "",
            "bob_key": "".join(it for _, it in key) if accepted else "",
        },
    )


e91 = Template(
    name="e91",
    summary="a key from entangled pairs (E91), checked by a Bell inequality",
    parameters=_Pairs,
    steps=one_job(_program, _reading),
    values={
        "chsh": "S of the Bell inequality of Clauser, Horne, Shimony and Holt: 2.83 without noise, at most 2 without "
        "entanglement, 1.41 if each pair is intercepted",
        "chsh_stderr": "its standard error from shot noise",
        "accepted": "whether S exceeds 2 by two standard errors",
        "error_rate": "share of the key's bits that differ",
        "key_bits": "pairs for which both measured in the same direction",
        "alice_key": "her bits of the key; empty if it is dropped",
        "bob_key": "his bits of the key",
    },
    source="Ekert 1991, Quantum cryptography based on Bell's theorem, doi:10.1103/PhysRevLett.67.661",
    example={"pairs": 4096, "eavesdropper": True},
)
