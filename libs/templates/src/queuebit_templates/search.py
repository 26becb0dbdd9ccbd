"""Grover's search."""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, pi, sin, sqrt
from typing import Self

from pydantic import Field, model_validator

from queuebit_templates.circuits import multi_z, openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity

__all__ = ["grover"]


class _Search(Parameters):
    marked: str = quantity(
        "101", "", "bit strings to find, between commas; the last bit is the first qubit", max_length=1_000
    )
    iterations: int | None = Field(
        None, description="rounds of oracle and diffusion; default: the best number", ge=0, le=1_000,
        json_schema_extra={"unit": "rounds"},
    )  # fmt: skip
    shots: int = quantity(1000, "shots", "how often the circuit runs", ge=1, le=10**6)

    @model_validator(mode="after")
    def _is_searchable(self) -> Self:
        words = self.words
        if any(not it or it.strip("01") for it in words) or len({len(it) for it in words}) > 1:
            raise ValueError("marked must be bit strings of one length between commas, such as 101,110")
        if not 2 <= len(words[0]) <= 12:
            raise ValueError("each marked bit string must have 2 to 12 bits")
        if len(words) == 2 ** len(words[0]):
            raise ValueError("all bit strings are marked: leave out at least one")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(sorted({it.strip() for it in self.marked.split(",")}))

    @property
    def half_angle(self) -> float:
        """The angle whose sine is the square root of the share of marked strings, in radians."""
        return asin(sqrt(len(self.words) / 2 ** len(self.words[0])))

    @property
    def rounds(self) -> int:
        """As given, or the number after which the success is closest to certain."""
        return max(0, round(pi / (4 * self.half_angle) - 0.5)) if self.iterations is None else self.iterations


def _program(given: _Search) -> Program:
    qubits = range(len(given.words[0]))
    body = [f"h q[{it}];" for it in qubits]
    for _ in range(given.rounds):
        for word in given.words:
            flips = [f"x q[{it}];" for it in qubits if word[-1 - it] == "0"]
            body += [*flips, multi_z(qubits), *flips]
        turned = [f"h q[{it}];\nx q[{it}];" for it in qubits]
        body += [*turned, multi_z(qubits), *(f"x q[{it}];\nh q[{it}];" for it in qubits)]
    return Program((Item(openqasm(len(qubits), body)),), given.shots)


def _reading(given: _Search, results: Sequence[Measured]) -> Reading:
    (measured,) = results
    success = sum(measured.share(it) for it in given.words)
    found = max(measured.counts, key=lambda it: (measured.counts[it], it))
    ideal = sin((2 * given.rounds + 1) * given.half_angle) ** 2
    return Reading(
        f"{found} was found most often; {success:.1%} of the shots are marked, without noise {ideal:.1%}.",
        {"found": found, "is_marked": found in given.words, "success": success, "ideal": ideal, "rounds": given.rounds},
    )


grover = Template(
    name="grover",
    summary="Grover's search for marked bit strings",
    parameters=_Search,
    steps=one_job(_program, _reading),
    values={
        "found": "the most frequent outcome",
        "is_marked": "whether it is one of those that were searched for",
        "success": "share of shots with a marked outcome, from 0 to 1",
        "ideal": "the same without noise: the squared sine of (2 rounds + 1) times the half angle",
        "rounds": "of oracle and diffusion",
    },
    source="Grover 1996, quant-ph/9605043; number of rounds: Boyer, Brassard, Høyer and Tapp 1996, quant-ph/9605034",
    example={"marked": "1011"},
)
