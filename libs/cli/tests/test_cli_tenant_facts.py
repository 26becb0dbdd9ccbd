"""`qb tenant apply`, `export`, `history`: what they check before they ask a stack, and what they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from queuebit_cli.commands import directory
from queuebit_cli.main import main
from queuebit_contracts.query import TenantsAnswer
from queuebit_contracts.tenants import parse_tenants
from queuebit_stack.bootstrap import bootstrap, is_in_force, keep_tenants, read_tenants
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home

ACME = '[tenant.acme]\nshare = 2\n[tenant.acme.user.ann]\nrole = "viewer"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path / "home"))
    it = Home(tmp_path / "home")
    bootstrap(it)
    keep_tenants(it)
    return it


def test_a_file_becomes_the_homes_and_waits_for_the_next_start(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text("# kept\n" + ACME)
    assert main(["tenant", "apply", str(file)]) == Exit.DONE
    assert "the next `qb up` puts it in force" in capsys.readouterr().out
    assert home.tenants_file.read_text() == file.read_text()
    assert not is_in_force(home)


@pytest.mark.parametrize("text", ["", "[tenant.acme]\nshare = 0\n", "[[["])
def test_a_broken_file_changes_nothing(home: Home, tmp_path: Path, text: str) -> None:
    before = home.tenants_file.read_bytes()
    (tmp_path / "broken.toml").write_text(text)
    assert main(["tenant", "apply", str(tmp_path / "broken.toml")]) == Exit.USAGE
    assert main(["tenant", "apply", str(tmp_path / "missing.toml")]) == Exit.USAGE
    assert home.tenants_file.read_bytes() == before


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [["export"], ["history", "acme"], ["apply", "--dry-run"]])
def test_what_is_in_force_is_asked_of_a_stack_that_runs(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenant", *words]) == Exit.UNREACHABLE
    assert "start it with `qb up`" in capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_a_stack_elsewhere_takes_the_operators_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["tenant", "export", "--url", "nats://nowhere:1"])
    assert "--seed-file" in capsys.readouterr().err
    (tmp_path / "seed").write_text("SU\n")  # readable by others
    (tmp_path / "seed").chmod(0o644)
    assert main(["tenant", "export", "--url", "nats://nowhere:1", "--seed-file", str(tmp_path / "seed")]) == Exit.USAGE


def test_an_export_is_a_file_that_says_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = parse_tenants(ACME)
    answer = TenantsAnswer(sequence=7, document=document.model_dump(mode="json"))
    monkeypatch.setattr(directory, "ask", lambda *_, **__: answer)
    assert main(["tenant", "export"]) == Exit.DONE
    assert parse_tenants(capsys.readouterr().out) == document
    file = home.root / "out.toml"
    assert main(["tenant", "export", "--output", str(file)]) == Exit.DONE
    assert parse_tenants(file.read_text()) == document
    assert [*read_tenants(home).tenant] == ["demo"]


@pytest.mark.usefixtures("home")
def test_a_history_says_who_changed_what(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def found(*_: object) -> list[dict[str, object]]:
        changed = {
            "role": ["viewer", "admin"],
            "keys": [None, ["UBXIW3ZSVBTQGYBYHH"]],
            "backends": [["emulated-ibm-torino"], []],
        }
        changed["budgets"] = [{}, {"user:ann": {"amount": "50", "currency": "USD"}}]
        return [
            {"sequence": 3, "at": "2026-01-01T00:00:00Z", "by": "ada", "what": "user ann defined", "changed": changed}
        ]

    monkeypatch.setattr(directory, "history_of", found)
    monkeypatch.setattr(directory, "_operator", lambda _: lambda: None)
    assert main(["tenant", "history", "acme"]) == Exit.DONE
    shown = " ".join(capsys.readouterr().out.split())
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d ada user ann defined", shown)
    assert "role viewer → admin, keys UBXIW3ZSV, backends emulated-ibm-torino → all" in shown
    assert "budgets none → user:ann 50.00 USD" in shown
