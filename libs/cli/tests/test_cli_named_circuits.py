"""`qb circuit` with a home, and `qb submit` of a named circuit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit import AsyncClient
from queuebit_cli import connecting
from queuebit_cli.commands import submit
from queuebit_cli.main import main
from queuebit_contracts.tenants import parse_tenants
from queuebit_kernel import digest
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.home import Home
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    found = Home(tmp_path / "home")
    bootstrap(found)
    monkeypatch.setenv("QUEUEBIT_HOME", str(found.root))
    text = found.tenants_file.read_text()
    if "[tenant.acme" not in text:
        assert main(["tenant", "add", "acme", "--user", "ann", "--project", "p", "--budget", "5"]) == 0
    return found


@pytest.fixture
def local(home: Home, monkeypatch: pytest.MonkeyPatch) -> LocalPlatform:
    found = LocalPlatform()
    for module in (connecting, submit):
        monkeypatch.setattr(module, "client_of", lambda _: AsyncClient(local_credential(), transport=found))

    async def circuits(_: object) -> list[dict[str, object]]:
        return rows(home)

    monkeypatch.setattr(AsyncClient, "circuits", circuits)
    return found


def rows(home: Home) -> list[dict[str, object]]:
    """What the broker answers once the document is in force."""
    document = parse_tenants(home.tenants_file.read_text())
    return [
        {"circuit": key.rpartition("@")[0], "version": int(key.rpartition("@")[2]), **it.model_dump(mode="json")}
        for key, it in document.tenant["acme"].circuit.items()
    ]


@pytest.mark.usefixtures("local")
def test_a_circuit_goes_from_draft_to_canary_to_release(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    assert main(["circuit", "draft", "bell", str(path)]) == 0
    assert "bell v1 of acme is a draft" in capsys.readouterr().out
    assert rows(home)[0] | {"parameters": []} == {
        "circuit": "bell", "version": 1, "digest": digest(BELL.encode()), "size": len(BELL), "owner": "ann",
        "media_type": "text/x-openqasm", "parameters": [], "state": "draft",
    }  # fmt: skip
    for state in ("canary", "released"):
        assert main(["circuit", "promote", "bell@1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["state"] == state
    assert main(["circuit", "promote", "bell@1"]) == 3
    assert "there is no next state" in capsys.readouterr().err
    path.write_text(BELL.replace("h q[0]", "x q[0]"))
    assert main(["circuit", "draft", "bell", str(path), "--owner", "bob"]) == 0
    assert [(it["version"], it["state"], it["owner"]) for it in rows(home)] == [
        (1, "released", "ann"), (2, "draft", "bob"),
    ]  # fmt: skip
    capsys.readouterr()
    assert main(["circuit", "list"]) == 0
    assert "bob" in capsys.readouterr().out
    assert main(["circuit", "show", "bell@2"]) == 0
    assert "x q[0]" in capsys.readouterr().out
    assert main(["circuit", "withdraw", "bell@2"]) == 0
    assert rows(home)[1]["state"] == "withdrawn"


@pytest.mark.usefixtures("local")
def test_a_version_that_was_written_without_a_state_is_a_draft(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    assert main(["circuit", "draft", "bell", str(path)]) == 0
    document = home.tenants_file.read_text()
    home.tenants_file.write_text(document.replace('state = "draft"', "").replace(", }", " }"))
    assert main(["circuit", "promote", "bell@1"]) == 0
    assert rows(home)[0]["state"] == "canary"


def test_a_job_names_the_version(
    home: Home, local: LocalPlatform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    assert main(["circuit", "draft", "bell", str(path)]) == 0
    assert main(["submit", "bell@1", "--shots", "10", "--json"]) == 0
    asked = local.submissions[-1].data
    assert asked.circuit_version is not None
    assert (asked.circuit_version.name, asked.circuit_version.version, asked.label) == ("bell", 1, "bell v1")
    assert asked.circuit.digest == digest(BELL.encode())
    assert main(["submit", "bell@released"]) == 2
    assert "has no version released" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["promote", "bell"], "names no version"),
        (["promote", "bell@1"], "acme has no circuit bell@1"),
        (["show", "bell"], "there is no circuit bell"),
    ],
)
@pytest.mark.usefixtures("local")
def test_what_is_missing_is_said(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuit", *words]) == 2
    assert why in capsys.readouterr().err
