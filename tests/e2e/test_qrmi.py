"""The unmodified package of QRMI, which Slurm jobs use, against the gateway of a running stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack

BELL = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'
TURNED = (
    'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float[64] theta;\nqubit q;\nbit m;\nrx(theta) q;\nm = measure q;\n'
)
TEAM = "slurm"


@pytest.fixture(scope="module")
def settings(stack: EmbeddedStack) -> dict[str, str]:
    """The environment of a Slurm job, as the plugin for Slurm sets it."""
    stack.qb("tenant", "add", TEAM, "--budget", "100")
    key = stack.qb("token", "--tenant", TEAM, "--user", "me", "--for", "1h").strip()
    base = stack.ask("console", "--no-open", "--tenant", TEAM, "--user", "me")["url"].partition("/console/")[0]
    of = {"ENDPOINT": f"{base}/qrmi", "IAM_ENDPOINT": f"{base}/qrmi", "IAM_APIKEY": key, "SERVICE_CRN": "queuebit"}
    return {f"aer_QRMI_IBM_QCS_{name}": value for name, value in of.items()}


@pytest.fixture
def aer(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:  # a class of the extension
    from qrmi import QuantumResource, ResourceType

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return QuantumResource("aer", ResourceType.IBMQuantumComputeService)


def payload(program: str = "sampler", **params: object) -> Any:  # a class of the extension
    from qrmi import Payload

    return Payload.QiskitPrimitive(input=json.dumps({"version": 2, **params}), program_id=program)


def ended(resource: Any, task: str) -> str:
    until = time.monotonic() + 100
    while (state := str(resource.task_status(task)).rpartition(".")[2]) in ("Queued", "Running"):
        assert time.monotonic() < until, state
        time.sleep(0.1)
    return state


def test_a_payload_of_the_sampler_runs_and_its_counts_come_back(aer: Any, stack: EmbeddedStack) -> None:
    assert "Online" in str(aer.status().status)
    token = aer.acquire()
    pubs = [[BELL, None, 200], [TURNED, [[0.0], [3.141592653589793]], 10]]
    task = aer.task_start(payload(pubs=pubs, support_qiskit=False))
    assert ended(aer, task) == "Completed"
    bell, turned = json.loads(aer.task_result(task).value)["results"]
    counts = Counter(bell["data"]["c"]["samples"])
    assert {*counts} == {"0x0", "0x3"}
    assert counts.total() == 200
    assert turned["data"]["m"] == {"samples": [["0x0"] * 10, ["0x1"] * 10], "num_bits": 1}
    job = stack.ask("job", "show", task, "--tenant", TEAM, "--user", "me")
    assert (job["state"], job["backend"], job["label"]) == ("completed", "aer", "qrmi")
    aer.release(token)
    aer.task_stop(task)
    assert json.loads(aer.target().value) == {"configuration": None, "properties": None}


def test_a_job_that_is_refused_fails_and_its_log_says_why(aer: Any) -> None:
    task = aer.task_start(payload(pubs=[[BELL.replace("h q[0]", "hh q[0]"), None, 5]]))
    assert ended(aer, task) == "Failed"
    assert "gate 'hh' is not defined" in aer.task_logs(task)


def test_another_tenant_and_another_program_are_refused(
    aer: Any, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qrmi import QuantumResource, ResourceType

    task = aer.task_start(payload(pubs=[[BELL, None, 5]]))
    with pytest.raises(Exception, match="422"):
        aer.task_start(payload("estimator", pubs=[[BELL, ["ZZ"]]]))
    stack.qb("tenant", "add", "elsewhere", "--budget", "1")
    key = stack.qb("token", "--tenant", "elsewhere", "--user", "me").strip()
    monkeypatch.setenv("aer_QRMI_IBM_QCS_IAM_APIKEY", key)
    other = QuantumResource("aer", ResourceType.IBMQuantumComputeService)
    for call in (other.task_status, other.task_result, other.task_logs, other.task_stop):
        with pytest.raises(Exception, match="404"):
            call(task)
    assert ended(aer, task) == "Completed"
    monkeypatch.setenv("aer_QRMI_IBM_QCS_IAM_APIKEY", "qbt_nonsense")
    with pytest.raises(Exception, match=r"401|token"):
        QuantumResource("aer", ResourceType.IBMQuantumComputeService).task_start(payload(pubs=[[BELL, None, 5]]))


def test_the_task_runner_of_qrmi_writes_the_result(settings: dict[str, str], tmp_path: Path) -> None:
    given, found = tmp_path / "in.json", tmp_path / "out.json"
    params = {"pubs": [[BELL, None, 50]], "version": 2, "support_qiskit": False}
    given.write_text(json.dumps({"parameters": params, "program_id": "sampler"}))
    ours = {"QRMI_JOB_QPU_RESOURCES": "aer", "QRMI_JOB_QPU_TYPES": "ibm-quantum-compute-service"}
    command = [sys.executable, "-m", "qrmi.tools.task_runner.main", "aer", str(given), str(found)]
    subprocess.run(command, env={**os.environ, **settings, **ours}, check=True, timeout=100, cwd=tmp_path)
    assert len(json.loads(found.read_text())["results"][0]["data"]["c"]["samples"]) == 50
