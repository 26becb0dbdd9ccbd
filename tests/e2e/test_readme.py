"""The commands and the code in the README work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit import AsyncClient, Client
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]


def _block(language: str, title: str = "Your first job") -> str:
    """Return the code block of a language in a section of the README."""
    chapter = (ROOT / "README.md").read_text().partition(f"## {title}")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"```{language}\n(.*?)```", chapter, re.DOTALL)
    return str(block)


@pytest.fixture
def shell(stack: EmbeddedStack) -> dict[str, str]:
    """The environment of an activated `.venv`, on the stack of these tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"QUEUEBIT_HOME": str(stack.home), "PATH": path}


def _run(argv: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{argv[-1]}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_lines_of_shell(shell: dict[str, str]) -> None:
    lines = [line for line in _block("sh").splitlines() if line and not line.startswith("make setup")]
    assert len(lines) >= 4
    shown = [_run(["bash", "-euo", "pipefail", "-c", line], shell) for line in lines]
    assert "emulated-ibm-torino" in shown[1]
    assert "completed" in shown[2]
    assert "inclusion" in shown[3]


def test_the_lines_of_python(shell: dict[str, str]) -> None:
    shown = _run([sys.executable, "-W", "error", "-c", _block("python")], shell)
    assert re.fullmatch(r"\{.*'(00|11)': \d+.*\} .*\n", shown), shown


def test_the_lines_of_http(stack: EmbeddedStack, shell: dict[str, str]) -> None:
    lines = _block("bash").replace("http://127.0.0.1:7440", stack.listens("gateway"))
    answer = json.loads(_run(["bash", "-euo", "pipefail", "-c", lines], shell))
    assert answer["counts"].keys() == {"00", "11"}, answer


def test_the_lines_about_several_circuits(shell: dict[str, str]) -> None:
    shown = _run([sys.executable, "-W", "error", "-c", _block("python", "Several circuits in one job")], shell)
    assert [line[:5] for line in shown.splitlines()] == ["0 ['Z", "1 ['Z", "2 ['Z"], shown
    (line,) = re.findall(r"`(qb submit \S+rotation.qasm .*?)`", (ROOT / "README.md").read_text())
    shown = _run(["bash", "-euo", "pipefail", "-c", line], shell)
    assert len(re.findall(r"^ +\d +completed +-?\d\.\d{4} ± 0\.\d{4}$", shown, re.MULTILINE)) == 4, shown


def test_the_lines_of_cirq(shell: dict[str, str]) -> None:
    shown = _run([sys.executable, "-W", "error", "-c", _block("python", "From Cirq")], shell)
    assert re.fullmatch(r"Counter\(\{[03]: \d+, [03]: \d+\}\) \w{21} 0\.\d+ USD\n", shown), shown


def test_the_lines_of_pennylane(shell: dict[str, str]) -> None:
    shown = _run([sys.executable, "-W", "error", "-c", _block("python", "From PennyLane")], shell)
    assert re.fullmatch(r"[01]\.\d+ \('\w{21}',\) 0\.\d+ USD\n", shown), shown


def test_the_lines_of_the_first_tutorial(shell: dict[str, str]) -> None:
    """All lines but those that start and stop the stack, in their order."""
    page = (ROOT / "docs" / "tutorials" / "first-job.md").read_text()
    code = [
        it
        for language, block in re.findall(r"```(sh|python)\n(.*?)```", page, re.DOTALL)
        for it in _calls(language, block)
    ]
    ours = [it for it in code if "activate" not in it[-1] and it[-1] not in {"qb up --detach", "qb down"}]
    try:
        shown = [_run(it, shell) for it in ours]
    finally:
        (ROOT / "ghz.receipt.json").unlink(missing_ok=True)
    assert len(shown) == 10, code
    assert "emulated-ibm-manila" in shown[3]
    assert "inclusion" in shown[8]
    assert re.fullmatch(r"\{.*'(00000|11111)': \d+.*\} 0\.\d+ USD \d+\n", shown[9]), shown[9]


def _calls(language: str, block: str) -> list[list[str]]:
    if language == "python":
        return [[sys.executable, "-W", "error", "-c", block]]
    return [["bash", "-euo", "pipefail", "-c", line] for line in block.splitlines()]


def test_the_program_and_both_clients_show_the_same_job(stack: EmbeddedStack, tenant: str) -> None:
    credential = find(stack.home, tenant)
    with Client(credential) as client:
        job = client.submit(BELL, shots=200, key="one")
        result, status, receipt = job.result(timeout=30), job.wait(30), job.receipt()
        assert result.probabilities().keys() <= {"00", "11"}
        assert receipt.verify(stack.home / "trust.json", result=result)
        assert client.find(job.id[:8]).status().charge == job.status().charge
        assert client.plan(BELL)
        assert client.slo()

    async def again() -> None:
        async with AsyncClient(credential) as asynchronous:
            same = await asynchronous.submit(BELL, shots=200, key="one")
            assert (same.id, await same.result(), (await same.status()).state) == (job.id, result, status.state)
            assert [step.event async for step in same.steps()][-1] == "sealed"
            assert [row["job"] for row in await asynchronous.jobs()] == [job.id]

    asyncio.run(again())
    assert stack.ask("job", "result", job.id, "--tenant", tenant)["counts"] == dict(result.counts)
