"""The BB84 protocol: a key from single qubits in two bases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import sqrt
from random import Random
from typing import NamedTuple

from queuebit_templates.circuits import openqasm
from queuebit_templates.definition import Measured, Parameters, Program, Reading, Template, one_job, quantity
from queuebit_templates.key_rates import LIMIT, outcomes, secret_fraction, signals_program

__all__ = ["bb84"]


class _Signals(Parameters):
    signals: int = quantity(512, "qubits", "how many qubits Alice sends", ge=16, le=100_000)
    eavesdropper: bool = quantity(False, "", "whether Eve measures each qubit in a random basis, and sends it on")
    compare: float = quantity(0.5, "", "share of the sifted bits that is made public to estimate errors", gt=0, lt=1)
    seed: int = quantity(1, "", "of the random choices of Alice, Bob and Eve", ge=0)


class _Choice(NamedTuple):
    bit: int
    alice: str
    eve: str
    """Empty if there is no eavesdropper."""
    bob: str


def _sent(given: _Signals) -> list[_Choice]:
    draw = Random(given.seed)

    def basis() -> str:
        return "ZX"[draw.random() < 0.5]

    return [
        _Choice(int(draw.random() < 0.5), basis(), basis() if given.eavesdropper else "", basis())
        for _ in range(given.signals)
    ]


def _source(choice: _Choice) -> str:
    body = ["x q[0];"] if choice.bit else []
    body += ["h q[0];"] if choice.alice == "X" else []
    turn = ["h q[0];"] if choice.eve == "X" else []
    body += ["barrier q;", *turn, "bit eve;", "eve = measure q[0];", *turn] if choice.eve else []
    body += ["barrier q;", *(["h q[0];"] if choice.bob == "X" else [])]
    return openqasm(1, body)


def _sources(given: _Signals) -> dict[_Choice, str]:
    eves = "ZX" if given.eavesdropper else ("",)
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
    return Reading(
        f"{errors} of {len(public)} compared bits differ ({rate:.1%}): "
        + (f"{len(kept)} bits of the key remain." if accepted else "above 11 %, so that the key is dropped."),
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
        },
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
    },
    source="Bennett and Brassard 1984, Quantum cryptography; Shor and Preskill 2000, quant-ph/0003004",
    example={"signals": 1024, "eavesdropper": True},
)
