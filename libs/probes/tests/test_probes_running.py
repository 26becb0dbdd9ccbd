"""Runs of probes on a platform in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from queuebit import AsyncClient
from queuebit_contracts.probe_documents import Probe
from queuebit_contracts.wire import Reason
from queuebit_probes.running import run_probe
from queuebit_probes.verdicts import Verdict
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

SWAPPED = "OPENQASM 3.0;\nqubit[2] q;\nbit[2] c;\nc = measure q;\n"


def run(platform: LocalPlatform, *, folder: Path | None = None, repeated: int = 1, **fields: object) -> Verdict:
    probe = Probe.model_validate({"backends": ["*"], **fields})

    async def found() -> Verdict:
        async with AsyncClient(local_credential(), transport=platform) as client:
            for _ in range(repeated):
                verdict = await run_probe(client, probe, "aer", "probe/readout/aer/7", folder)
            return verdict

    return asyncio.run(found())


def test_an_ideal_simulator_passes() -> None:
    platform = LocalPlatform()
    found = run(platform, circuit="mirror", qubits=3, floor=1.0)
    assert (found.state, found.good) == ("passed", True)
    assert found.comparison is not None
    assert found.comparison.fidelity == 1.0
    (submitted,) = platform.submissions
    assert (submitted.data.purpose, submitted.data.tags) == ("probe", ("probe",))
    assert submitted.data.backend == "aer"


def test_the_same_run_is_one_job() -> None:
    platform = LocalPlatform()
    assert run(platform, circuit="readout", repeated=2).state == "passed"
    assert len(platform.submissions) == 1


def test_a_refusal_is_a_failure_and_a_refused_cost_is_none() -> None:
    refused = run(LocalPlatform(refuse=[Reason(code="unknown_backend", text="there is no backend aer")]), circuit="ghz")
    assert (refused.state, refused.good) == ("failed", False)
    assert "there is no backend aer" in refused.text
    unpaid = run(LocalPlatform(refuse=[Reason(code="budget_exceeded", text="0.10 USD are left")]), circuit="ghz")
    assert (unpaid.state, unpaid.good) == ("skipped", True)


def test_a_file_is_compared_with_another_backend(tmp_path: Path) -> None:
    (tmp_path / "own.qasm").write_text(SWAPPED)
    platform = LocalPlatform()
    found = run(platform, folder=tmp_path, file="own.qasm", against="cirq", floor=0.99)
    assert found.state == "passed"
    assert [it.data.backend for it in platform.submissions] == ["aer", "cirq"]


def test_a_file_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    found = run(LocalPlatform(), folder=tmp_path, file="none.qasm", against="cirq")
    assert found.state == "failed"
    assert "none.qasm" in found.text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "give either circuit or file"),
        ({"circuit": "ghz", "file": "x.qasm"}, "give either circuit or file"),
        ({"file": "x.qasm"}, "give against"),
        ({"circuit": "grover"}, "there is no reference circuit grover"),
        ({"circuit": "ghz", "floor": 0}, "floor"),
        ({"circuit": "ghz", "every": 5}, "every"),
    ],
)
def test_a_probe_that_cannot_run_is_refused(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Probe.model_validate({"backends": ["*"], **fields})
