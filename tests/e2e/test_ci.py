"""`qb ci` in a repository, on a running stack.

A pull request makes one circuit deeper, changes what another measures, and leaves a third as good as it was.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack

POLICY = """
circuits = ["*.qasm"]
[plan]
backend = "emulated-ibm-torino"
[gates]
max_cost = "5.00"
max_depth_increase = "10%"
"""


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True)


@pytest.fixture
def repository(tmp_path: Path, circuits: Path) -> Path:
    """Three circuits of the examples on `main`, and a branch that changes each of them."""
    sources = {name: (circuits / f"{name}.qasm").read_text() for name in ("bell", "ghz5", "w3")}
    for name, source in sources.items():
        (tmp_path / f"{name}.qasm").write_text(source)
    (tmp_path / "bell.expected.toml").write_text('[probabilities]\n"00" = 0.5\n"11" = 0.5\n')
    thirds = "".join(f'"{bits}" = "1/3"\n' for bits in ("001", "010", "100"))
    (tmp_path / "w3.expected.toml").write_text(f"[probabilities]\n{thirds}")
    (tmp_path / "queuebit-ci.toml").write_text(POLICY)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "base")
    git(tmp_path, "checkout", "-q", "-b", "change")
    (tmp_path / "bell.qasm").write_text(f"// the same\n{sources['bell']}")
    slower = "cx q[0], q[2]; rz(0.2) q[2]; cx q[0], q[2];\nmeasure"
    (tmp_path / "ghz5.qasm").write_text(sources["ghz5"].replace("measure", slower))
    (tmp_path / "w3.qasm").write_text(sources["w3"].replace("pi / 2)", "pi / 2.2)"))
    git(tmp_path, "commit", "-q", "-a", "-m", "change")
    return tmp_path


def ci(stack: EmbeddedStack, folder: Path, tenant: str, *words: str) -> tuple[int, Any]:
    """The exit code and the report."""
    command = stack.argv("ci", "--since", "main", "--tenant", tenant, "--json", *words)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_a_pull_request(stack: EmbeddedStack, repository: Path, tenant: str) -> None:
    code, report = ci(stack, repository, tenant, "--output", "out")
    failed = {
        (it["path"], check["rule"]) for it in report["circuits"] for check in it["checks"] if check["state"] == "failed"
    }
    assert code == 1
    assert failed == {("ghz5.qasm", "depth-increase"), ("w3.qasm", "distribution")}
    bell, ghz, w3 = report["circuits"]
    assert bell["run"]["comparison"]["p_value"] > report["alpha"]
    assert ghz["plan"]["depth"] > ghz["before"]["depth"]
    assert w3["run"]["comparison"]["p_value"] < 1e-6
    assert report["charged"] is not None
    assert "| `w3.qasm` |" in (repository / "out" / "report.md").read_text()

    code, again = ci(stack, repository, tenant)
    assert code == 1
    assert again["charged"] is None, "the same circuits are the same jobs"
    assert [it["run"] and it["run"]["job"] for it in again["circuits"]] == [bell["run"]["job"], None, w3["run"]["job"]]

    code, offline = ci(stack, repository, tenant, "--offline")
    assert code == 1
    for one, other in zip(offline["circuits"], report["circuits"], strict=True):
        assert {**one["plan"], "cost": None} == {**other["plan"], "cost": None}, "plans are those of the stack"
        assert (one["run"] or {}).get("counts") == (other["run"] or {}).get("counts"), "and so are counts"
