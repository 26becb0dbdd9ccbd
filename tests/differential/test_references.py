"""The references agree with each other, and a program that is read wrongly is noticed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.differential import braket_programs, programs2, programs3
from tests.differential.branches import difference
from tests.differential.compare import TOLERANCE, Mismatch, judge, reference
from tests.differential.programs import LIBRARY, Program

_QUICK = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
_STRATEGIES = {"OpenQASM 2": programs2.programs(), "OpenQASM 3": programs3.programs()}


def test_braket_understands_what_is_drawn_for_it() -> None:
    """Also without Queuebit: the two references agree, or the generator draws what Braket gets wrong."""
    compared = []

    @settings(_QUICK, max_examples=60)
    @given(_STRATEGIES["OpenQASM 3"].filter(lambda program: program.for_braket))
    def compare(program: Program) -> None:
        compared.append(difference(braket_programs.outcomes(program.source), reference(program.source)))
        assert compared[-1] < TOLERANCE

    compare()
    assert len(compared) >= 50


def _sorted_parameters(source: str) -> str:
    return re.sub(r"(gate \w+)\((.*?)\)", lambda gate: f"{gate[1]}({', '.join(sorted(gate[2].split(', ')))})", source)


def _phaseless_u(source: str) -> str:
    header, rest = source.split("\n", 1)
    return f"{header}\ngate phaseless(t, f, l) a {{ gphase(-t/2); U(t, f, l) a; }}\n" + rest.replace("U(", "phaseless(")


def _library_first(source: str) -> str:
    header, rest = source.split("\n", 1)
    names = "|".join(gate.name for gate in LIBRARY if gate.parameters == 0 and gate.qubits == 1)
    without = re.sub(rf"gate ({names})(\(\))? \w+ {{.*?}}\n", "", rest)
    return source if without == rest else f'{header}\ninclude "qelib1.inc";\n{without}'


WRONG = {
    "parameters bound by name, 2": _sorted_parameters,
    "parameters bound by name, 3": _sorted_parameters,
    "phase of a controlled U lost, 3": _phaseless_u,
    "own gates replaced by the library's, 2": _library_first,
    "conditions always hold, 2": lambda source: re.sub(r"if \(.*?\) ", "", source),
    "resets left out, 2": lambda source: re.sub(r"reset .*?;", "", source),
    "resets left out, 3": lambda source: re.sub(r"reset .*?;", "", source),
    "first and last of an alias exchanged, 3": lambda source: source.replace("[-1:-1:0]", ""),
    "negative controls taken for positive, 3": lambda source: source.replace("negctrl", "ctrl"),
    "inverses left out, 3": lambda source: source.replace("inv @ ", ""),
}
"""Ways to read a program wrongly, each as the program that would then have been meant."""


@pytest.mark.parametrize("defect", WRONG)
def test_a_wrong_reading_would_be_noticed(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The random programs differ wherever one of these defects, most of them once real, came back."""
    wrong: Callable[[str], str] = WRONG[defect]
    monkeypatch.setattr("tests.differential.compare.ours", lambda source: reference(wrong(source)))

    @settings(_QUICK, max_examples=400, phases=[Phase.generate])
    @given(_STRATEGIES[f"OpenQASM {defect[-1]}"])
    def compare(program: Program) -> None:
        if wrong(program.source) != program.source:
            judge(Program(program.source))

    with pytest.raises((Mismatch, ValueError)):  # the wrong program may be no program
        compare()
