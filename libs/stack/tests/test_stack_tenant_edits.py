"""Edits of the tenants of a home whose stack is down: what is in the file afterwards, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from queuebit.credentials import load
from queuebit_contracts.tenants import parse_tenants
from queuebit_kernel import Money
from queuebit_stack.bootstrap import bootstrap, keep_tenants, read_tenants
from queuebit_stack.config_check import unpriced
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.tenant_documents import apply_document, difference, document_of, in_force
from queuebit_stack.tenant_edits import TenantEditor, budget_of
from queuebit_stack.tenant_history import in_words


@pytest.fixture
def home(tmp_path: Path) -> Home:
    it = Home(tmp_path / "home")
    bootstrap(it)
    return it


@pytest.fixture
def editor(home: Home) -> TenantEditor:
    return TenantEditor(home, "ada")


def test_a_credential_that_is_given_away_holds_the_token_that_the_file_names(
    home: Home, editor: TenantEditor, tmp_path: Path
) -> None:
    issued = editor.add_tenant(
        "acme", share=3, user="ann", project="qml", budget=Money.of("50"), file=tmp_path / "ann.toml"
    )
    credential = load(tmp_path / "ann.toml")
    assert (credential.tenant, credential.user, credential.project) == ("acme", "ann", "qml")
    assert read_tenants(home).tenant["acme"].user["ann"].keys == (issued.key,)
    assert not home.credential_file("acme", "ann").exists()


@pytest.mark.parametrize(
    ("amount", "budget"), [("250.50", "250.50"), ("+1.25", "1001.25"), ("-0.75", "999.25"), (" 7 ", "7")]
)
def test_a_budget_is_set_or_changed_to_the_cent(home: Home, editor: TenantEditor, amount: str, budget: str) -> None:
    assert editor.fund("demo", "playground", amount) == Money.of(budget)
    assert read_tenants(home).tenant["demo"].project["playground"].budget == budget


def test_a_class_has_an_objective_until_it_is_removed(home: Home, editor: TenantEditor) -> None:
    editor.set_class("demo", "batch", "time")
    assert read_tenants(home).tenant["demo"].workload_class["batch"].objective == "time"
    editor.set_class("demo", "batch", None)
    assert read_tenants(home).tenant["demo"].workload_class == {}


@pytest.mark.parametrize(
    ("edit", "code", "text"),
    [
        (lambda it: it.fund("demo", "playground", "-1000.01"), Exit.REFUSED, "cannot be negative"),
        (lambda it: it.fund("demo", "playground", "much"), Exit.USAGE, "'much' is not an amount"),
        (lambda it: it.revoke_token("demo", "me", "UX"), Exit.REFUSED, "0 tokens of me begin with UX"),
        (lambda it: it.set_limits("demo", None, {"share": 0}), Exit.USAGE, "share"),
        (lambda it: it.set_limits("demo", "playground", {"objective": "speed"}), Exit.USAGE, "'cost', 'time'"),
        (lambda it: it.set_budget("demo", "user:me", None), Exit.REFUSED, "there is no budget user:me"),
        (lambda it: it.set_class("demo", "batch", None), Exit.REFUSED, "there is no class batch"),
        (lambda it: it.set_class("demo", "batch", "beauty"), Exit.USAGE, "objective"),
        (lambda it: it.set_role("demo", "zoe", "viewer"), Exit.REFUSED, "there is no user zoe"),
        (lambda it: it.add_project("demo", "A B", Money.zero()), Exit.USAGE, "is not a plain name"),
    ],
)
def test_an_edit_that_breaks_a_rule_changes_nothing(
    home: Home, editor: TenantEditor, edit: Callable[[TenantEditor], object], code: Exit, text: str
) -> None:
    before = home.tenants_file.read_bytes()
    with pytest.raises(Stop, match=text) as refused:
        edit(editor)
    assert refused.value.code is code
    assert home.tenants_file.read_bytes() == before


def test_a_token_is_revoked_by_the_beginning_of_its_key(home: Home, editor: TenantEditor) -> None:
    (first,) = read_tenants(home).tenant["demo"].user["me"].keys
    second = editor.add_token("demo", "me", None).key
    with pytest.raises(Stop, match="2 tokens of me begin with U"):
        editor.revoke_token("demo", "me", "U")
    assert editor.revoke_token("demo", "me", first) == first
    assert read_tenants(home).tenant["demo"].user["me"].keys == (second,)


@pytest.mark.parametrize(("amount", "currency"), [("-1", "USD"), ("nan", "USD"), ("1", "usd"), ("1", "dollars")])
def test_a_budget_is_an_amount_in_a_currency(amount: str, currency: str) -> None:
    with pytest.raises(Stop) as refused:
        budget_of(amount, currency)
    assert refused.value.code is Exit.USAGE


def test_a_document_of_another_file_becomes_the_homes(home: Home, tmp_path: Path) -> None:
    keep_tenants(home)
    file = tmp_path / "other.toml"
    file.write_text("# kept\n[tenant.acme]\nshare = 2\n")
    applied = apply_document(home, file, "ada")
    assert (applied.waits_for_start, applied.changes) == (True, ())
    assert home.tenants_file.read_text() == file.read_text()
    assert in_force(home) == document_of(home, file)


def test_a_difference_names_the_lines_that_change() -> None:
    now, desired = (parse_tenants(f"[tenant.acme]\nshare = {share}\n") for share in (1, 2))
    lines = difference(now.model_dump(mode="json"), desired)
    assert {"-share = 1", "+share = 2"} <= set(lines)
    assert difference(desired.model_dump(mode="json"), desired) == []


def test_backends_without_a_price_are_named(home: Home) -> None:
    assert unpriced(home, ["aer", "cirk"]) == ["cirk"]
    home.price_book.write_text("[[[")
    assert unpriced(home, ["cirk"]) == []


def test_a_change_is_described_in_words() -> None:
    changed = {
        "role": ["viewer", "admin"],
        "budget": ["50", "50.125"],
        "keys": [None, ["UBXIW3ZSVBTQGYBYHH"]],
        "backends": [["aer", "cirq"], []],
        "budgets": [{}, {"user:ann": {"amount": "50", "currency": "USD", "window": "30d", "soft": True}}],
    }
    assert in_words(changed) == (
        "role viewer → admin, budget 50.00 → 50.125, keys UBXIW3ZSV, backends aer, cirq → all, "
        "budgets none → user:ann 50.00 USD 30d warns only"
    )


def test_a_change_of_a_nested_document_is_described_in_words() -> None:
    where = {"indicator": "success", "where": {"backend": "torino"}}
    changed = {"metadata": [None, {"name": "fast", "labels": {"owner": "hw"}}], "window": [[], [{"duration": "30d"}]]}
    assert in_words(changed) == "metadata name fast, labels (owner hw), window none → (duration 30d)"
    assert in_words({"spec": [None, where]}) == "spec indicator success, where (backend torino)"
