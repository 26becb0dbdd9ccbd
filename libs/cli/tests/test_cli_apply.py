"""`qb apply` and `qb export`: what they print, write and end with."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from queuebit_cli.commands import documents
from queuebit_cli.main import main
from queuebit_documents.parsed import Document
from queuebit_gitops.documents import Wanted
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.plan import Plan, World, plan_of
from queuebit_slo.documents import shipped_document
from queuebit_stack.bootstrap import bootstrap, default_price_book
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home

FRESH = {
    "tenants": {"tenant": {"demo": {"project": {"main": {"budget": "10"}}}}},
    "pricebook": tomllib.loads(default_price_book().read_text()),
    "slos": shipped_document(),
    "backends": {},
    "services": {},
    "alerts": {},
    "probes": {},
    "fleet": {},
    "protection": {},
}
WANTED = '[tenant.demo]\nshare = 2\n[tenant.demo.project.main]\nbudget = "12.50"\n'


class Stack:
    """A stack that is what was applied to it."""

    def __init__(self) -> None:
        self.world = World({kind: KINDS[kind].normal(it) for kind, it in FRESH.items()})
        self.applied: list[tuple[Plan, str, str | None]] = []

    def plan(self, home: Home, wanted: dict[str, Document], *, prune: bool) -> tuple[Plan, World]:
        del home
        return plan_of(self.world, wanted, prune=prune), self.world

    def apply(self, home: Home, plan: Plan, written: dict[str, Wanted], by: str, commit: str | None) -> None:
        del home, written
        self.applied.append((plan, by, commit))
        self.world = World({**self.world.documents, **plan.documents}, self.world.sequence + 1)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path / "home"))
    bootstrap(Home(tmp_path / "home"))
    it = Stack()
    monkeypatch.setattr(documents, "plan_here", it.plan)
    monkeypatch.setattr(documents, "apply_plan", it.apply)
    monkeypatch.setattr(documents, "look", lambda _: type("Seen", (), {"world": it.world}))
    return it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "tenants.toml").write_text(WANTED)
    return tmp_path / "config"


def test_a_dry_run_shows_what_differs_and_ends_with_a_code_of_its_own(
    stack: Stack, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "-f", str(folder), "--dry-run"]) == Exit.DIFFERS
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=3) for line in lines[1:3]] == [
        ["change", "tenants", "tenant.demo", "share 1 → 2"],
        ["change", "tenants", "tenant.demo.project.main", "budget 10.00 → 12.50"],
    ]
    assert len({line.index("tenant.demo") for line in lines[1:3]}) == 1, "columns line up"
    assert lines[4].startswith("2 to change; plan ")
    assert lines[5] == "budgets of projects: 2.50 USD more in all"
    assert "\033" not in "".join(lines), "colours are for terminals"
    assert stack.applied == []


def test_apply_then_nothing_differs(stack: Stack, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "-f", str(folder), "--by", "ci", "--json"]) == Exit.DONE
    done = json.loads(capsys.readouterr().out)
    assert (done["applied"], [it["name"] for it in done["changes"]]) == (
        True,
        ["tenant.demo", "tenant.demo.project.main"],
    )
    assert [(by, plan.digest) for plan, by, _ in stack.applied] == [("ci", done["plan"])]
    assert main(["apply", "-f", str(folder), "--dry-run"]) == Exit.DONE
    assert capsys.readouterr().out.startswith("nothing differs")
    assert main(["apply", "-f", str(folder)]) == Exit.DONE
    assert len(stack.applied) == 1, "nothing is recorded where nothing changes"


def test_a_saved_plan_is_applied_once(stack: Stack, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "plan.json"
    assert main(["apply", "-f", str(folder), "--dry-run", "--plan", str(file)]) == Exit.DIFFERS
    assert json.loads(file.read_text())["commit"] is None
    file.write_text(file.read_text().replace('"commit": null', '"commit": "c0ffee"'))
    assert main(["apply", "--plan", str(file)]) == Exit.DONE
    assert main(["apply", "--plan", str(file)]) == Exit.REFUSED
    assert "tenants changed since the plan in" in capsys.readouterr().err
    assert [commit for _, _, commit in stack.applied] == ["c0ffee"]


def test_a_saved_plan_that_is_not_that_of_the_folder_is_refused(
    stack: Stack, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "plan.json"
    assert main(["apply", "-f", str(folder), "--dry-run", "--plan", str(file)]) == Exit.DIFFERS
    (folder / "tenants.toml").write_text(WANTED.replace("12.50", "9999"))
    assert main(["apply", "-f", str(folder), "--plan", str(file)]) == Exit.REFUSED
    assert "or --prune changed since the plan" in capsys.readouterr().err
    file.write_text("{}")
    assert main(["apply", "--plan", str(file)]) == Exit.USAGE
    assert stack.applied == []


@pytest.mark.usefixtures("stack")
def test_services_that_have_to_restart_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "services.toml").write_text("[service.scheduler]\nplaces_per_slot = 8\n")
    main(["apply", "-f", str(folder), "--json"])
    assert json.loads(capsys.readouterr().out)["restart"] == ["scheduler"]


@pytest.mark.usefixtures("stack")
def test_documents_that_break_rules_change_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tenants.toml").write_text("[tenant.demo]\nshare = 0\n")
    assert main(["apply", "-f", str(folder)]) == Exit.USAGE
    assert f"{folder}/tenants.toml:2: tenant.demo.share must be" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["apply"])


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("form", ["toml", "yaml"])
def test_an_export_is_what_is_in_force(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "exported"
    assert main(["export", str(folder), "--format", form]) == Exit.DONE
    assert {it.name for it in folder.iterdir()} == {
        f"{it.name}.{'yaml' if it.write else form}" for it in KINDS.values()
    }
    assert main(["apply", "-f", str(folder), "--dry-run", "--prune"]) == Exit.DONE
    other = "yaml" if form == "toml" else "toml"
    assert main(["export", str(folder), "--format", other]) == Exit.USAGE
    assert "would say the same again" in capsys.readouterr().err


def test_slo_apply_reads_openslo_documents_alone_and_says_which_services_to_restart(
    stack: Stack, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fast.yaml").write_text(FAST.read_text())
    arguments = ["slo", "apply", "-f", str(folder / "fast.yaml")]
    assert main([*arguments, "--dry-run", "--json"]) == Exit.DIFFERS
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert [(it["kind"], it["name"]) for it in changes] == [("slos", "SLO.end-to-end-fast")]
    assert main(arguments) == Exit.DONE
    assert "telemetry" in capsys.readouterr().out
    ((plan, _, _),) = stack.applied
    assert plan.documents.keys() == {"slos"}
    (folder / "fast.yaml").write_text(FAST.read_text().replace("op: lte", "op: gt"))
    assert main(arguments) == Exit.USAGE
    assert "fast.yaml:35:" in capsys.readouterr().err
    assert len(stack.applied) == 1


FAST = Path(__file__).parents[3] / "examples" / "gitops" / "slos" / "end-to-end-fast.yaml"
