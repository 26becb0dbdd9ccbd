"""The BB84 protocol: a key from single qubits in two bases, simulated from the first qubit to the amplified key.

All choices follow from a seed, so that the key is an example, and never a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import sqrt
from random import Random
from typing import NamedTuple

from queuebit_randomness import extracted, seed_length
from queuebit_templates.circuits import openqasm
from queuebit_templates.definition import Measured, Parameters, Program, Reading, Template, one_job, quantity
from queuebit_templates.key_rates import CHECK_BITS, LIMIT, outcomes, secret_fraction, secret_length, signals_program
from queuebit_templates.reconciliation import cascade

__all__ = ["bb84"]


class _Signals(Parameters):
    signals: int = quantity(4096, "qubits", "how many qubits Alice sends", ge=16, le=100_000)
    eavesdropper: bool = quantity(False, "", "whether Eve measures each qubit in a random basis, and sends it on")
    intercept: float = quantity(1.0, "", "share of the qubits that Eve measures, if she is there", gt=0, le=1)
    compare: float = quantity(0.5, "", "share of the sifted bits that is made public to estimate errors", gt=0, lt=1)
    seed: int = quantity(1, "", "of the random choices of Alice, Bob and Eve", ge=0)


class _Choice(NamedTuple):
    bit: int
    alice: str
    eve: str
    """Empty if no eavesdropper measures it."""
    bob: str


def _sent(given: _Signals) -> list[_Choice]:
    draw = Random(given.seed)

    def basis() -> str:
        return "ZX"[draw.random() < 0.5]

    def eve() -> str:
        measures = given.eavesdropper and (given.intercept == 1 or draw.random() < given.intercept)
        return basis() if measures else ""

    return [_Choice(int(draw.random() < 0.5), basis(), eve(), basis()) for _ in range(given.signals)]


def _source(choice: _Choice) -> str:
    body = ["x q[0];"] if choice.bit else []
    body += ["h q[0];"] if choice.alice == "X" else []
    turn = ["h q[0];"] if choice.eve == "X" else []
    body += ["barrier q;", *turn, "bit eve;", "eve = measure q[0];", *turn] if choice.eve else []
    body += ["barrier q;", *(["h q[0];"] if choice.bob == "X" else [])]
    return openqasm(1, body)


def _sources(given: _Signals) -> dict[_Choice, str]:
    eves = ("Z", "X", "") if given.eavesdropper else ("",)
    return {it: _source(it) for it in (_Choice(*choice) for choice in product((0, 1), "ZX", eves, "ZX"))}


def _program(given: _Signals) -> Program:
    return signals_program(_sent(given), _sources(given))


def _reading(given: _Signals, results: Sequence[Measured]) -> Reading:
    sent = _sent(given)
    received = [int(it[-1]) for it in outcomes(sent, _sources(given), results)]
    sifted = [(it.bit, bit) for it, bit in zip(sent, received, strict=True) if it.alice == it.bob]
    draw = Random(f"{given.seed}/compare")
    public = {it for it in range(len(sifted)) if draw.random() < given.compare}
    errors = sum(sifted[it][0] != sifted[it][1] for it in public)
    rate = errors / len(public) if public else 0.5
    kept = [pair for at, pair in enumerate(sifted) if at not in public]
    accepted = rate < LIMIT
    key = _agreed(kept, len(public), rate, draw) if accepted else _NO_KEY
    return Reading(
        f"{errors} of {len(public)} compared bits differ ({rate:.1%}): "
        + _outcome(key, kept=len(kept), accepted=accepted),
        {
            "sifted": len(sifted),
            "compared": len(public),
            "errors": errors,
            "error_rate": rate,
            "error_rate_stderr": sqrt(rate * (1 - rate) / max(len(public), 1)),
            "accepted": accepted,
            "secret_fraction": secret_fraction(rate),
            "alice_key": "".join(str(it[0]) for it in kept) if accepted else "",
            "bob_key": "".join(str(it[1]) for it in kept) if accepted else "",
            "corrected": key.corrected,
            "leaked": key.leaked,
            "verified": key.verified,
            "secret_bits": len(key.alice),
            "alice_secret": key.alice,
            "bob_secret": key.bob,
        },
    )


class _Key(NamedTuple):
    """What error correction and privacy amplification leave."""

    corrected: int
    leaked: int
    verified: bool
    alice: str
    bob: str


_NO_KEY = _Key(0, 0, False, "", "")


def _agreed(kept: Sequence[tuple[int, int]], compared: int, rate: float, draw: Random) -> _Key:
    """Correct the bits that were not made public, check them with a hash, and shorten them with another one."""
    alice = [it[0] for it in kept]
    found = cascade(alice, [it[1] for it in kept], max(rate, 1 / compared), draw)
    one, other = ("".join(map(str, it)) for it in (alice, found.key))
    check = _hashed((one, other), min(CHECK_BITS, len(kept)), draw)
    leaked = found.leaked + CHECK_BITS
    if check[0] != check[1]:
        return _Key(found.corrected, leaked, False, "", "")
    secret = _hashed((one, other), secret_length(len(kept), compared, rate, leaked), draw)
    return _Key(found.corrected, leaked, True, *secret)


def _hashed(keys: tuple[str, str], length: int, draw: Random) -> tuple[str, str]:
    """Both keys, hashed by one Toeplitz matrix, which is chosen in public."""
    if not length:
        return "", ""
    size = seed_length(len(keys[0]), length)
    seed = f"{draw.getrandbits(size):0{size}b}"
    return extracted(keys[0], seed, length), extracted(keys[1], seed, length)


def _outcome(key: _Key, *, kept: int, accepted: bool) -> str:
    if not accepted:
        return "above 11 %, so that the key is dropped."
    if not key.verified:
        return "errors remain after error correction, so that the key is dropped."
    if not key.alice:
        return f"the {kept} bits that remain are too few for a secret key: send more signals."
    return (
        f"{kept} bits remain, of which {key.corrected} were corrected; privacy amplification leaves a key of "
        f"{len(key.alice)} bits."
    )


bb84 = Template(
    name="bb84",
    summary="a key from single qubits (BB84), with or without an eavesdropper",
    parameters=_Signals,
    steps=one_job(_program, _reading),
    values={
        "sifted": "signals for which Alice and Bob chose the same basis",
        "compared": "sifted bits that were made public",
        "errors": "compared bits that differ",
        "error_rate": "errors / compared: 0 without noise, 1/4 if each qubit is intercepted",
        "error_rate_stderr": "its standard error",
        "accepted": "whether the error rate is below 11 %",
        "secret_fraction": "secret bits per sifted bit after error correction and privacy amplification, from 0 to 1",
        "alice_key": "sifted bits that were not made public; empty if the key is dropped",
        "bob_key": "the same as Bob measured them",
        "corrected": "bits of his key that error correction (Cascade) changed",
        "leaked": "bits that error correction and its check said in public",
        "verified": "whether a hash of both corrected keys is the same; if not, the key is dropped",
        "secret_bits": "bits of the key after privacy amplification, at most 10^-6 from an unknown one; 0 if there are "
        "too few",
        "alice_secret": "her secret key: a Toeplitz hash of the corrected bits",
        "bob_secret": "his secret key",
    },
    source="Bennett and Brassard 1984, Quantum cryptography; Brassard and Salvail 1993, Secret-key "
    "reconciliation by public discussion; Tomamichel et al. 2012, arXiv:1103.4130",
    example={"eavesdropper": True, "intercept": 0.1},
)
