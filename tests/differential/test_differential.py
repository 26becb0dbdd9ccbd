"""Random programs, and each gate of the libraries, mean the same to Queuebit as to the references."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.differential import programs2, programs3
from tests.differential.compare import Refused, judge
from tests.differential.programs import LIBRARY, Gate, Program

_QUICK = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
_STRATEGIES = {"OpenQASM 2": programs2.programs(), "OpenQASM 3": programs3.programs()}


@pytest.mark.parametrize(("language", "count"), [("OpenQASM 2", 150), ("OpenQASM 3", 80)])
def test_random_programs_mean_what_the_language_says(language: str, count: int) -> None:
    """Thousands more: `make fuzz`."""
    refusals: list[Refused | None] = []

    @settings(_QUICK, max_examples=count)
    @given(_STRATEGIES[language])
    def compare(program: Program) -> None:
        refusals.append(judge(program))

    compare()
    refused = [refusal.message for refusal in refusals if refusal]
    assert len(refused) <= len(refusals) / 10, f"more than a tenth is refused: {refused[:5]}"


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("gate", LIBRARY, ids=lambda gate: gate.name)
def test_library_gates_have_their_phase_and_their_order_of_parameters(version: int, gate: Gate) -> None:
    """In version 3 under a control, so that the phase shows; every angle is different."""
    angles = ", ".join(f"{0.3 + 0.4 * place:.1f}" for place in range(gate.parameters))
    call = f"{gate.name}({angles})" if angles else gate.name
    qubits = ", ".join(f"q[{place}]" for place in range(gate.qubits))
    spread = "".join(f"h q[{place}]; t q[{place}]; ry({place}.7) q[{place}]; " for place in range(gate.qubits + 1))
    width = gate.qubits + 1
    if version == 2:
        head = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{width}]; creg c[1]; {spread}'
        source = f"{head}{call} {qubits}; measure q[0] -> c[0];"
    else:
        head = f'OPENQASM 3.0; include "stdgates.inc"; qubit[{width}] q; bit c; {spread}'
        source = f"{head}ctrl @ {call} q[{gate.qubits}], {qubits}; c = measure q[0];"
    assert judge(Program(source)) is None
