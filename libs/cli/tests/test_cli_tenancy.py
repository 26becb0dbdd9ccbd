"""`qb tenant …` on a home whose stack is down: the file changes, comments stay, keys come and go."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit.credentials import find, load
from queuebit_cli.commands.budgets import OF_A_PROJECT, OF_A_TENANT
from queuebit_cli.main import main
from queuebit_contracts.tenants import BadTenants, Project, Quota, Tenant, parse_tenants
from queuebit_pricing import load as load_prices
from queuebit_runtime.keys import public_key
from queuebit_stack.bootstrap import bootstrap, keep_tenants, read_tenants
from queuebit_stack.config_check import troubles
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.ports import DEFAULTS
from queuebit_stack.process import Identity
from queuebit_stack.stack import Running, Stack


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("QUEUEBIT_CREDENTIAL", raising=False)
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path / "home"))
    it = Home(tmp_path / "home")
    bootstrap(it)
    return it


def test_a_new_tenant_can_log_in_and_pay(home: Home) -> None:
    assert main(["tenant", "add", "acme", "--budget", "50", "--share", "3", "--user", "ann", "--project", "qml"]) == 0
    acme = read_tenants(home).tenant["acme"]
    credential = find(home.root, "acme")
    assert (acme.share, acme.project["qml"].budget, acme.user["ann"].role) == (3, "50", "admin")
    assert acme.user["ann"].keys == (public_key(credential.seed),)
    assert credential.project == "qml"


def test_a_project_without_a_budget_is_reported_with_what_funds_it(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["tenant", "add", "acme", "--currency", "EUR"])
    main(["tenant", "project", "add", "demo", "thesis"])
    printed = capsys.readouterr().out
    assert "qb tenant fund acme main 100" in printed
    assert "100 EUR" in printed
    assert "qb tenant fund demo thesis 100" in printed
    main(["tenant", "add", "rich", "--budget", "5"])
    assert "tenant fund" not in capsys.readouterr().out


def test_what_is_left_is_not_guessed_while_the_stack_is_down(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    main(["tenant", "show", "demo"])
    assert "shown while the stack is up" in capsys.readouterr().out
    main(["tenant", "show", "demo", "--json"])
    assert json.loads(capsys.readouterr().out)["accounts"] is None


def test_a_budget_is_set_changed_and_removed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenant", "budget", "demo", "user:me", "50"]) == 0
    assert main(["tenant", "budget", "demo", "tenant", "12.50", "--currency", "EUR"]) == 0
    kept = read_tenants(home).tenant["demo"].budget
    assert {name: (it.amount, it.currency) for name, it in kept.items()} == {
        "user:me": ("50", "USD"),
        "tenant": ("12.50", "EUR"),
    }
    assert main(["tenant", "budget", "demo", "user:me", "none"]) == 0
    assert set(read_tenants(home).tenant["demo"].budget) == {"tenant"}
    assert main(["tenant", "budget", "demo", "user:me", "none"]) == Exit.REFUSED
    assert main(["tenant", "budget", "demo", "everything", "5"]) == Exit.USAGE
    assert "is not the name of a budget" in capsys.readouterr().err
    assert main(["tenant", "budget", "demo"]) == Exit.UNREACHABLE


def test_credit_is_granted_to_one_project_or_to_all(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    main(["tenant", "project", "add", "demo", "qml", "--budget", "5"])
    grant = ["tenant", "grant", "demo"]
    one = [*grant, "autumn", "12.50", "--project", "qml", "--priority", "3", "--expires", "2999-01-01"]
    assert main(one) == 0
    kept = read_tenants(home).tenant["demo"].grant["autumn"]
    assert (kept.project, kept.amount, kept.currency, kept.priority) == ("qml", "12.50", "USD", 3)
    assert kept.expires == datetime(2999, 1, 1, tzinfo=UTC)
    assert main([*grant, "gift", "20", "--all-projects"]) == 0
    names = {name: (it.project, it.amount) for name, it in read_tenants(home).tenant["demo"].grant.items()}
    projects = read_tenants(home).tenant["demo"].project
    assert names == {"autumn": ("qml", "12.50"), **{f"gift-{it}": (it, "20") for it in projects}}
    capsys.readouterr()
    for refused, code, text in (
        (one, Exit.REFUSED, "does not change"),
        ([*grant, "x", "1", "--project", "nothing"], Exit.REFUSED, "nothing"),
        ([*grant, "x", "0", "--project", "qml"], Exit.USAGE, "above 0"),
        ([*grant, "x", "1", "--project", "qml", "--expires", "2020-01-01"], Exit.USAGE, "later time"),
        ([*grant, "x", "1", "--project", "qml", "--currency", "EUR"], Exit.USAGE, "EUR"),
    ):
        assert main(refused) == code
        assert text in capsys.readouterr().err
    assert {*read_tenants(home).tenant["demo"].grant} == {*names}, "what is refused leaves nothing"
    with pytest.raises(SystemExit):
        main([*grant, "x", "1"])


def test_the_terms_of_a_budget_are_set_one_by_one(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    budget = ["tenant", "budget", "demo", "class:batch"]
    assert main([*budget, "50", "--window", "30d", "--soft", "--warn-at", "0.9,1"]) == 0
    assert "window 30d, warns only, announced at 0.9, 1" in capsys.readouterr().out
    assert main([*budget, "60", "--no-soft"]) == 0
    kept = read_tenants(home).tenant["demo"].budget["class:batch"]
    assert (kept.amount, kept.window, kept.soft, kept.warn_at) == ("60", "30d", False, ("0.9", "1"))
    assert main([*budget, "60", "--window", "week"]) == Exit.USAGE
    assert 'write "lifetime", "month", or days' in capsys.readouterr().err


def test_without_a_tenant_the_budgets_of_all_are_listed(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answered(_: Home, tenant: str) -> list[dict[str, object]]:
        return [{"kind": kind, "name": tenant, "currency": "USD", "left": "5.00"} for kind in ("account", "budget")]

    assert main(["tenant", "add", "acme"]) == 0
    monkeypatch.setattr("queuebit_stack.balances.balances", answered)
    capsys.readouterr()
    assert main(["tenant", "budget", "--json"]) == 0
    assert [(row["tenant"], row["kind"]) for row in json.loads(capsys.readouterr().out)] == [
        ("demo", "budget"),
        ("acme", "budget"),
    ]
    assert main(["tenant", "budget"]) == 0
    assert " ".join(capsys.readouterr().out.split()) == "tenant budget left demo demo 5.00 USD acme acme 5.00 USD"


def test_comments_and_other_tenants_stay(home: Home) -> None:
    before = home.tenants_file.read_text()
    main(["tenant", "add", "acme"])
    main(["tenant", "remove", "acme"])
    after = read_tenants(home)
    assert home.tenants_file.read_text().startswith(before.splitlines()[0])
    assert set(after.tenant) == {"demo"}
    assert not home.credential_file("acme", "me").exists()


def test_a_new_tenant_does_not_take_the_name_and_the_jobs_of_a_removed_one(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["tenant", "add", "acme"])
    main(["tenant", "remove", "acme"])
    text = home.tenants_file.read_text()
    assert main(["tenant", "add", "acme"]) == Exit.REFUSED
    assert "a tenant of that name was removed" in capsys.readouterr().err
    assert home.tenants_file.read_text() == text
    home.tenants_file.write_text(text + "[tenant.acme]\n")
    assert main(["tenant", "apply"]) == Exit.USAGE
    assert "no tenant may be called acme" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["queuebit", "platform", "system"])
def test_the_names_of_the_platform_are_no_tenants(home: Home, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenant", "add", name]) == Exit.REFUSED
    assert "the platform's own" in capsys.readouterr().err
    with pytest.raises(BadTenants, match="no tenant may be called"):
        parse_tenants(f"[tenant.{name}]\n")


def test_users_and_their_tokens_come_and_go(home: Home, tmp_path: Path) -> None:
    away = tmp_path / "bob.toml"
    assert main(["tenant", "user", "add", "demo", "bob", "--role", "viewer", "--output", str(away)]) == 0
    first = load(away)
    assert main(["tenant", "token", "new", "demo", "bob"]) == 0
    second = find(home.root, "demo", "bob")
    keys = read_tenants(home).tenant["demo"].user["bob"].keys
    assert keys == (public_key(first.seed), public_key(second.seed))
    assert main(["tenant", "token", "revoke", "demo", "bob", keys[0][:12]]) == 0
    assert read_tenants(home).tenant["demo"].user["bob"].keys == keys[1:]
    assert main(["tenant", "user", "remove", "demo", "bob"]) == 0
    assert "bob" not in read_tenants(home).tenant["demo"].user


@pytest.mark.parametrize(("amount", "budget"), [("250.50", "250.50"), ("+1.25", "1001.25"), ("=-1", None)])
def test_a_budget_is_set_or_changed_exactly(home: Home, amount: str, budget: str | None) -> None:
    code = main(["tenant", "fund", "demo", "playground", amount])
    assert code == (0 if budget else 2)
    assert read_tenants(home).tenant["demo"].project["playground"].budget == (budget or "1000")


def test_a_budget_does_not_become_negative(home: Home) -> None:
    assert main(["tenant", "fund", "demo", "playground", "--", "-1000.01"]) == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["tenant", "add", "demo"], 3),
        (["tenant", "add", "A.B"], 2),
        (["tenant", "show", "nobody"], 3),
        (["tenant", "fund", "demo", "nothing", "1"], 3),
        (["tenant", "add", "x", "--budget", "much"], 2),
        (["tenant", "add", "x", "--share", "0"], 2),
        (["tenant", "user", "add", "demo", "me"], 3),
        (["tenant", "token", "revoke", "demo", "me", "UX"], 3),
    ],
)
def test_what_cannot_be_done_changes_nothing(home: Home, words: list[str], code: int) -> None:
    before = home.tenants_file.read_bytes()
    assert main(words) == code
    assert home.tenants_file.read_bytes() == before


def test_projects_are_added_and_shown(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenant", "project", "add", "demo", "thesis", "--budget", "7", "--currency", "EUR"]) == 0
    capsys.readouterr()
    assert main(["tenant", "show", "demo", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["project"]["thesis"] == {
        "budget": "7",
        "currency": "EUR",
        "backends": [],
        "default_kind": "simulator",
        "fallback": [],
        "fallback_after_s": 300,
        "impact": None,
        "owner": None,
        "purpose": None,
        "risk_class": None,
        "reruns": False,
        "objective": "cost",
        "min_fidelity": None,
        "deadline_s": None,
        "vendors": [],
        "regions": [],
        "weight": 1,
        "shared_device": "never",
    }
    assert main(["tenant", "list"]) == 0
    assert "playground, thesis" in capsys.readouterr().out


def test_edits_at_the_same_instant_all_count(home: Home) -> None:
    names = [f"team{number}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as pool:
        assert set(pool.map(lambda name: main(["tenant", "add", name]), names)) == {0}
    assert set(read_tenants(home).tenant) == {"demo", *names}
    assert {find(home.root, name).tenant for name in names} == set(names)


def test_names_with_dashes_share_no_file(home: Home) -> None:
    main(["tenant", "add", "a-b", "--user", "c"])
    main(["tenant", "add", "a", "--user", "b-c"])
    assert find(home.root, "a-b").user == "c"
    main(["tenant", "remove", "a"])
    assert find(home.root, "a-b").user == "c"
    assert read_tenants(home).tenant["a-b"].user["c"].keys == (public_key(find(home.root, "a-b").seed),)


@pytest.mark.parametrize("place", ["no/bob.toml", "file/bob.toml", "folder", "x" * 300, "/dev/null"])
@pytest.mark.parametrize("words", [("add", "acme"), ("user", "add", "demo", "bob"), ("token", "new", "demo", "me")])
def test_a_credential_that_has_no_place_is_reported_before_anything_is_done(
    home: Home, place: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (home.root / "file").touch()
    (home.root / "folder").mkdir()
    before = home.tenants_file.read_bytes()
    assert main(["tenant", *words, "--output", str(home.root / place)]) == 2
    assert "choose another --output" in capsys.readouterr().err
    assert home.tenants_file.read_bytes() == before


def _delete(path: Path) -> None:
    path.unlink()


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN: list[Callable[[Path], object]] = [
    lambda it: it.write_text("[tenant.demo"),
    lambda it: it.write_text("share = 1\nshare = 2\n"),
    lambda it: it.write_text("tenant = 5\n"),
    lambda it: it.write_text(it.read_text().replace('"admin"', '"king"')),
    lambda it: it.write_text(it.read_text().replace('"1000"', '"-5"')),
    lambda it: it.write_text(""),
    lambda it: it.write_bytes(b"\xff\xfe"),
    _delete,
    _replace_by_folder,
]


@pytest.mark.parametrize("hurt", BROKEN)
def test_a_broken_file_stops_every_edit_and_every_start_and_shows_the_way_back(
    home: Home, hurt: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    keep_tenants(home)  # as `qb up` does: the file is in force
    hurt(home.tenants_file)
    for words in (["list"], ["add", "acme"], ["fund", "demo", "playground", "1"], ["apply"]):
        assert main(["tenant", *words]) == 2
    assert main(["up", "--detach", "--ports", "auto"]) == 2
    printed = capsys.readouterr().err
    assert printed.count(f"cp {home.good_tenants_file} {home.tenants_file}") == 5
    assert not home.stack_file.exists()


def test_an_edit_by_hand_is_reported_while_the_stack_runs(home: Home) -> None:
    keep_tenants(home)
    me = Identity.of(os.getpid())
    Stack("up", dict.fromkeys(DEFAULTS, 1), {}, Running(), {"broker": Running.of(me)}).save(home)
    assert troubles(home, Stack.load(home)) == []
    with home.tenants_file.open("a") as file:
        file.write("# by hand\n")
    assert ["qb tenant apply" in it for it in troubles(home, Stack.load(home))] == [True]


@pytest.mark.parametrize("hurt", [_delete, lambda it: it.write_text("[[["), lambda it: it.write_bytes(b"\xff")])
def test_prices_are_not_guessed_once_there_were_some(
    home: Home, hurt: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    Stack("down", {}, {}).save(home)
    hurt(home.price_book)
    assert main(["up", "--detach", "--ports", "auto"]) == 2
    assert str(home.price_book) in capsys.readouterr().err
    assert len(troubles(home, Stack.load(home))) == 1


def test_limits_are_set_by_a_command_and_shown(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tenant", "limit", "demo", "--max-shots", "5000", "--max-active-jobs", "7", "--share", "2"]) == 0
    assert main(["tenant", "limit", "demo", "playground", "--backends", "aer, cirq"]) == 0
    demo = read_tenants(home).tenant["demo"]
    assert (demo.max_shots, demo.max_active_jobs, demo.share) == (5000, 7, 2)
    assert demo.project["playground"].backends == ("aer", "cirq")
    main(["tenant", "show", "demo"])
    shown = capsys.readouterr().out
    for printed in ("max_shots 5000", "max_active_jobs 7", "share 2", "aer, cirq"):
        assert printed in shown
    assert "{" not in shown, "tables of the file are tables here, or left out"
    assert main(["tenant", "limit", "demo", "playground", "--backends", "all"]) == 0
    assert read_tenants(home).tenant["demo"].project["playground"].backends == ()


def test_a_viewer_becomes_a_member_and_keeps_the_token(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    main(["tenant", "user", "add", "demo", "bob", "--role", "viewer"])
    token = find(home.root, "demo", "bob")
    assert main(["tenant", "user", "role", "demo", "bob", "submitter"]) == 0
    bob = read_tenants(home).tenant["demo"].user["bob"]
    assert (bob.role, bob.keys) == ("submitter", (public_key(token.seed),))
    assert main(["tenant", "user", "role", "demo", "zoe", "submitter"]) == 3
    assert "there is no user zoe: `qb tenant show demo` shows what there is" in capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_a_mistyped_entry_is_reported_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    for words, printed in (
        (["fund", "demo", "playgruond", "5"], "no project playgruond: did you mean playground? `qb tenant show demo`"),
        (["show", "dmeo"], "no tenant dmeo: did you mean demo? `qb tenant list`"),
    ):
        assert main(["tenant", *words]) == 3
        assert printed in capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_a_backend_without_a_price_is_noticed_as_a_limit_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    limit = ["tenant", "limit", "demo", "playground", "--backends"]
    assert main([*limit, "aer,cirk"]) == 0
    assert "the price book has no price for cirk, " in capsys.readouterr().out
    for good in ("aer,cirq", "all"):
        assert main([*limit, good]) == 0
        assert "no price" not in capsys.readouterr().out


def test_a_project_gets_a_fallback_and_loses_it(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    limit = ["tenant", "limit", "demo", "playground"]
    assert main([*limit, "--fallback", "cirq,aer", "--fallback-after-s", "60"]) == 0
    project = read_tenants(home).tenant["demo"].project["playground"]
    assert (project.fallback, project.fallback_after_s) == (("cirq", "aer"), 60)
    assert main(["tenant", "show", "demo"]) == 0
    assert "cirq, aer after 60 s" in capsys.readouterr().out
    assert main([*limit, "--fallback", "none"]) == 0
    assert read_tenants(home).tenant["demo"].project["playground"].fallback == ()
    assert main([*limit, "--backends", "aer", "--fallback", "cirq"]) == 2
    assert "add it to both, or to none" in capsys.readouterr().err


def test_hard_limits_are_set_and_removed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    limit = ["tenant", "limit", "demo", "playground"]
    assert (
        main([*limit, "--min-fidelity", "0.9", "--deadline-s", "60", "--vendors", "ibm,iqm", "--regions", "eu-de"]) == 0
    )
    assert main(["tenant", "limit", "demo", "--regions", "eu-de"]) == 0
    document = read_tenants(home).tenant["demo"]
    project = document.project["playground"]
    assert (project.min_fidelity, project.deadline_s) == ("0.9", 60)
    assert (project.vendors, project.regions, document.regions) == (("ibm", "iqm"), ("eu-de",), ("eu-de",))
    assert main([*limit, "--min-fidelity", "none", "--deadline-s", "none", "--vendors", "all"]) == 0
    project = read_tenants(home).tenant["demo"].project["playground"]
    assert (project.min_fidelity, project.deadline_s, project.vendors) == (None, None, ())
    capsys.readouterr()
    assert main([*limit, "--min-fidelity", "1.5"]) == 2
    assert "a fidelity is above 0 and at most 1" in capsys.readouterr().err


def test_a_quota_is_set_changed_and_removed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    quota = ["tenant", "quota", "demo", "user:ann"]
    assert main([*quota, "--shots", "1000", "--window", "7d"]) == 0
    assert main([*quota, "--active-jobs", "5"]) == 0
    assert read_tenants(home).tenant["demo"].quota == {"user:ann": Quota(shots=1000, active_jobs=5, window="7d")}
    assert "quota user:ann of demo: active jobs 5" in capsys.readouterr().out
    assert main([*quota, "--window", "32d"]) == 2
    assert 'write hours or days such as "24h"' in capsys.readouterr().err
    assert main(["tenant", "quota", "demo", "ann", "--shots", "5"]) == 2
    assert 'use "tenant", "project:NAME", "user:NAME" or "class:NAME"' in capsys.readouterr().err
    assert main([*quota, "--remove"]) == 0
    assert read_tenants(home).tenant["demo"].quota == {}
    assert main([*quota, "--remove"]) == 3
    with pytest.raises(SystemExit):
        main(quota)
    assert "say what it limits" in capsys.readouterr().err


def test_every_limit_of_the_tenants_file_has_a_flag() -> None:
    money = {"budget", "currency"}  # which `qb tenant fund` and `qb tenant project add` set
    tables = {"project", "user", "budget", "grant", "issuer", "quota", "circuit", "workload_class"}
    assert set(OF_A_TENANT) == Tenant.model_fields.keys() - tables
    assert set(OF_A_PROJECT) == Project.model_fields.keys() - money


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ([], "which limit? --share --max-shots --max-active-jobs"),
        (["playground"], "which limit? --backends --default-kind --fallback --fallback-after-s"),
        (["playground", "--max-shots", "5"], "--max-shots is a limit of a tenant: leave the project out"),
        (["--backends", "aer"], "--backends is a limit of a project: name it after the tenant"),
        (["--max-shots", "0"], "is not a number from 1 on"),
    ],
)
def test_a_limit_in_the_wrong_place_is_reported(
    home: Home, words: list[str], printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["tenant", "limit", "demo", *words])
    assert caught.value.code == 2
    assert printed in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a\033[8mb", "a\u202eb", "A", "a b"])
def test_a_name_that_could_steer_a_terminal_is_refused(
    home: Home, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["tenant", "add", name],
        ["tenant", "user", "add", "demo", name],
        ["tenant", "project", "add", "demo", name],
    ):
        assert main(words) == 2
        printed = capsys.readouterr().err
        assert "is not a plain name" in printed
        assert not {"\033", "\u202e"} & set(printed)


def test_a_price_book_that_was_edited_waits_for_a_restart_and_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = Identity.of(os.getpid())
    running = {name: Running.of(me) for name in ("broker", "metering")}
    Stack("up", dict(DEFAULTS), {}, Running(), running).save(home)
    loaded = load_prices(home.price_book).digest
    monkeypatch.setattr("queuebit_stack.config_check.get_json", lambda *_: {"detail": {"prices": loaded}})
    assert troubles(home, Stack.load(home)) == []
    book = home.price_book.read_text()
    home.price_book.write_text(book + "\n# a comment\n")
    assert troubles(home, Stack.load(home)) == []
    home.price_book.write_text(book.replace('per_task = "', 'per_task = "1', 1))
    (trouble,) = troubles(home, Stack.load(home))
    assert "was edited, and broker and metering use the earlier prices" in trouble
    assert "restart both together: `qb down`, then `qb up`" in trouble


def test_a_project_gets_a_weight_of_one_or_more(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    limit = ["tenant", "limit", "demo", "playground", "--weight"]
    assert main([*limit, "3"]) == 0
    assert read_tenants(home).tenant["demo"].project["playground"].weight == 3
    assert main(["tenant", "show", "demo"]) == 0
    assert "weight" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*limit, "-1"])


def test_a_project_gets_an_objective_and_no_other_word(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    limit = ["tenant", "limit", "demo", "playground", "--objective"]
    assert main([*limit, "balanced"]) == 0
    assert read_tenants(home).tenant["demo"].project["playground"].objective == "balanced"
    assert main(["tenant", "show", "demo"]) == 0
    assert "balanced" in capsys.readouterr().out
    assert main([*limit, "beauty"]) != 0
    assert read_tenants(home).tenant["demo"].project["playground"].objective == "balanced"


def test_a_project_says_whose_circuits_may_be_on_a_device_with_its_own(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = ["tenant", "limit", "demo", "playground", "--shared-device"]
    for word, shown in (("tenant", "its tenant"), ("anyone", "any tenant")):
        assert main([*limit, word]) == 0
        assert read_tenants(home).tenant["demo"].project["playground"].shared_device == word
        assert main(["tenant", "show", "demo"]) == 0
        assert shown in capsys.readouterr().out
    assert main([*limit, "never"]) == 0
    assert main(["tenant", "show", "demo"]) == 0
    assert "shares devices with" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*limit, "true"])
