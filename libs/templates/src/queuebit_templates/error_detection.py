"""The smallest code that detects any single error: two logical qubits in four."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import model_validator

from queuebit_templates.circuits import openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity

__all__ = ["error_detection"]

_LOGICAL = {
    "00": {"0000", "1111"},
    "01": {"0011", "1100"},
    "10": {"0101", "1010"},
    "11": {"0110", "1001"},
}
"""The words of data qubits 3, 2, 1, 0 in each logical state."""


class _Code(Parameters):
    state: Literal["00", "01", "10", "11"] = quantity("00", "", "the logical state that is prepared")
    error: str = quantity("none", "", "an error on a data qubit: none, or X, Y or Z with its number, such as X2")
    shots: int = quantity(1000, "shots", "how often the circuit runs", ge=1, le=10**6)

    @model_validator(mode="after")
    def _is_an_error(self) -> Self:
        if self.error != "none" and self.error not in {f"{pauli}{it}" for pauli in "XYZ" for it in range(4)}:
            raise ValueError("error must be none, or X, Y or Z with a data qubit from 0 to 3, such as X2")
        return self


def _program(given: _Code) -> Program:
    """Data qubits 0 to 3; qubit 4 measures XXXX, qubit 5 ZZZZ."""
    body = ["h q[0];", "cx q[0], q[1];", "cx q[0], q[2];", "cx q[0], q[3];"]
    body += ["x q[0];", "x q[1];"] if given.state[1] == "1" else []
    body += ["x q[0];", "x q[2];"] if given.state[0] == "1" else []
    body += ["barrier q;"]
    body += [] if given.error == "none" else [f"{given.error[0].lower()} q[{given.error[1]}];"]
    body += ["barrier q;", "h q[4];", *(f"cx q[4], q[{it}];" for it in range(4)), "h q[4];"]
    body += [*(f"cx q[{it}], q[5];" for it in range(4)), "barrier q;"]
    return Program((Item(openqasm(6, body)),), given.shots)


def _reading(given: _Code, results: Sequence[Measured]) -> Reading:
    (measured,) = results
    right = _LOGICAL[given.state]
    accepted = {bits[2:]: count for bits, count in measured.counts.items() if bits[:2] == "00"}
    kept = sum(accepted.values())
    wrong = sum(count for data, count in accepted.items() if data not in right)
    all_wrong = sum(count for bits, count in measured.counts.items() if bits[2:] not in right)
    syndromes: dict[str, int] = {}
    for bits, count in sorted(measured.counts.items()):
        syndromes[bits[:2]] = syndromes.get(bits[:2], 0) + count
    rate = wrong / kept if kept else None
    shown = "no shot is left" if rate is None else f"{rate:.2%} of the accepted shots are wrong"
    return Reading(
        f"{kept / measured.shots:.1%} of the shots show no error; {shown}, "
        f"of all shots {all_wrong / measured.shots:.2%}.",
        {
            "accepted": kept / measured.shots,
            "error_rate": rate,
            "error_rate_without_detection": all_wrong / measured.shots,
            "syndromes": syndromes,
        },
    )


error_detection = Template(
    name="error-detection",
    summary="the [[4,2,2]] code: detects any single error",
    parameters=_Code,
    steps=one_job(_program, _reading),
    values={
        "accepted": "share of shots in which both checks show no error, from 0 to 1",
        "error_rate": "share of accepted shots with a wrong logical state; null if none was accepted",
        "error_rate_without_detection": "the same of all shots",
        "syndromes": "shots by the outcomes of ZZZZ and XXXX; 00 is no error, 10 an X, 01 a Z, 11 a Y",
    },
    source="Vaidman, Goldenberg and Wiesner 1996, quant-ph/9603031; Gottesman 2016, arXiv:1610.03507",
    example={"state": "10", "error": "X2"},
)
