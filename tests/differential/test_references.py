"""The references agree with each other, and a program that is read wrongly is noticed."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.differential import braket_programs, programs2, programs3
from tests.differential.branches import Outcomes, difference
from tests.differential.compare import TOLERANCE, reference
from tests.differential.programs import LIBRARY, Program

_STRATEGIES = {"OpenQASM 2": programs2.programs(), "OpenQASM 3": programs3.programs()}


@cache
def _drawn(language: str) -> list[tuple[Program, Outcomes]]:
    """Draw programs once for all tests, and work out what they mean."""
    found: list[tuple[Program, Outcomes]] = []

    @settings(
        max_examples=240,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_STRATEGIES[language])
    def collect(program: Program) -> None:
        found.append((program, reference(program.source)))

    collect()
    return found


def test_braket_understands_what_is_drawn_for_it() -> None:
    """The two references agree on OpenQASM 3, each program with its phases, measurements and conditions."""
    for_braket = [(program, right) for program, right in _drawn("OpenQASM 3") if program.for_braket]
    assert len(for_braket) >= 25
    for program, right in for_braket:
        assert difference(braket_programs.outcomes(program.source), right) < TOLERANCE, program.source


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
    "negative controls taken for positive, 3": lambda source: source.replace("negctrl", "ctrl"),
    "inverses left out, 3": lambda source: source.replace("inv @ ", ""),
}
"""Ways to read a program wrongly, each as the program that would then have been meant."""


@pytest.mark.parametrize("defect", WRONG)
def test_a_wrong_reading_would_be_noticed(defect: str) -> None:
    """The random programs show each of these defects, most of them once real, should it come back."""
    wrong: Callable[[str], str] = WRONG[defect]
    assert any(
        _differs(wrong(program.source), program.source, right) for program, right in _drawn(f"OpenQASM {defect[-1]}")
    )


def _differs(wrong: str, source: str, right: Outcomes) -> bool:
    if wrong == source:
        return False
    try:
        return difference(reference(wrong), right) > TOLERANCE
    except ValueError:  # the wrong program may be no program
        return True
