"""`qb smoke` on a platform in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from queuebit import AsyncClient
from queuebit_cli import connecting
from queuebit_cli.commands import probes
from queuebit_cli.main import main
from queuebit_contracts.wire import Reason
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.home import Home
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

ROWS: list[dict[str, Any]] = [
    {"backend": "aer", "kind": "simulator", "qubits": 29, "max_shots": 100_000},
    {"backend": "one", "kind": "simulator", "qubits": 1, "max_shots": 200},
    {"backend": "torino", "kind": "qpu", "qubits": 133, "max_shots": 4_000},
]


def platform(monkeypatch: pytest.MonkeyPatch, *, rows: list[dict[str, Any]] = ROWS, **options: Any) -> LocalPlatform:
    found = LocalPlatform(**options)
    found.answers["backends"] = rows
    monkeypatch.setattr(connecting, "client_of", lambda _: AsyncClient(local_credential(), transport=found))
    return found


def test_each_simulator_runs_what_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    local = platform(monkeypatch)
    assert main(["smoke", "--json", "--junit", str(tmp_path / "smoke.xml")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is True
    assert [(it["backend"], it["circuit"], it["shots"]) for it in document["runs"]] == [
        ("aer", "readout", 1000), ("aer", "ghz", 1000), ("aer", "mirror", 1000), ("one", "readout", 200),
    ]  # fmt: skip
    assert all(it.data.max_cost.amount == "0.10" for it in local.submissions if it.data.max_cost)
    suites = ET.parse(tmp_path / "smoke.xml").getroot()
    assert [(it.get("name"), it.get("tests"), it.get("failures")) for it in suites] == [
        ("aer", "3", "0"), ("one", "1", "0"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["torino", "tor*"])
def test_a_device_is_tested_if_it_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    local = platform(monkeypatch)
    assert main(["smoke", "--backend", name, "--floor", "0.5"]) == 0
    assert {it.data.backend for it in local.submissions} == {"torino"}


@pytest.mark.parametrize("code", ["unknown_backend", "budget_exceeded"])
def test_what_did_not_run_is_not_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    platform(monkeypatch, refuse=[Reason(code=code, text="no")])
    assert main(["smoke", "--backend", "aer"]) == 1
    assert "3 of 3 circuits did not give their result" in capsys.readouterr().out


def test_the_same_key_is_the_same_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    local = platform(monkeypatch)
    for key in ("a", "a", "b"):
        assert main(["smoke", "--backend", "aer", "--key", key]) == 0
    assert len(local.submissions) == 6


def test_no_backend_is_no_success(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    platform(monkeypatch, rows=[])
    assert main(["smoke"]) == 1
    assert "name a backend with --backend" in capsys.readouterr().out
    assert main(["smoke", "--backend", "none"]) == 2
    assert "there is no backend none" in capsys.readouterr().err


@pytest.mark.parametrize("amount", ["abc", "5,00", "-1", "1 euro"])
def test_a_limit_that_is_no_amount_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], amount: str
) -> None:
    local = platform(monkeypatch)
    assert main(["smoke", f"--max-cost={amount}"]) == 2
    assert "--max-cost" in capsys.readouterr().err
    assert not local.submissions


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    found = Home(tmp_path / "home")
    bootstrap(found)
    monkeypatch.setenv("QUEUEBIT_HOME", str(found.root))
    return found


def test_setup_makes_a_tenant_and_a_document_once(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["probe", "setup", "--budget", "50"]) == 0
    assert home.probes_credential.exists()
    assert '[tenant.probes.project.probes]\nbudget = "50"' in home.tenants_file.read_text()
    assert "the prober reads it when it starts" in capsys.readouterr().out
    home.probes_file.write_text('[probe.own]\ncircuit = "ghz"\nbackends = ["aer"]\n')
    assert main(["probe", "setup"]) == 0
    assert "probe.own" in home.probes_file.read_text(), "what people wrote is kept"


def test_probes_run_now_where_they_are_wanted(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", "setup"]) == 0
    local = platform(monkeypatch)
    capsys.readouterr()
    assert main(["probe", "run", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["probe"], found["backend"], found["state"]) == ("simulators", "aer", "passed")
    assert main(["probe", "run", "--backend", "torino"]) == 1, "no probe of the document is for it"
    assert main(["probe", "run", "other"]) == 2
    assert len(local.submissions) == 1


def test_a_bad_run_is_exit_code_1(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["probe", "setup"]) == 0
    platform(monkeypatch, refuse=[Reason(code="unknown_backend", text="no")])
    assert main(["probe", "run"]) == 1


def test_what_is_missing_is_said(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "run"]) == 2
    assert "probe setup" in capsys.readouterr().err
    home.probes_file.write_text("[probe.own]\n")
    assert main(["probe", "run"]) == 2
    assert "probe.own.backends" in capsys.readouterr().err


def test_the_newest_findings_are_listed(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"probe": "ghz", "backend": "aer", "state": "below", "text": "fidelity 0.5", "at": "2026-11-30", "good": 0}
    monkeypatch.setattr(probes, "running_stack", lambda it: it)
    monkeypatch.setattr(probes, "analyst_of", lambda it: it)
    monkeypatch.setattr(probes, "records", lambda *_: [row])
    assert main(["probe", "list"]) == 0
    assert "fidelity 0.5" in capsys.readouterr().out
