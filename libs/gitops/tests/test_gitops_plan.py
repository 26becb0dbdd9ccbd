"""A plan says what differs, object by object, and is made of exactly one world and one set of documents."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_contracts.directory import Directory, changes, faults
from queuebit_contracts.tenants import Tenants
from queuebit_documents.errors import BadDocuments
from queuebit_documents.parsed import Document
from queuebit_gitops.documents import Source, read
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.objects import join, split
from queuebit_gitops.plan import Plan, World, budget_changes, moved, plan_of, read_plan, restarts
from queuebit_gitops.writing import to_toml, to_yaml
from queuebit_runtime.keys import new_seed, public_key
from queuebit_slo.documents import shipped_document

BOOK = tomllib.loads((Path(__file__).parents[3] / "contracts" / "pricebook" / "default.toml").read_text())
KEYS = tuple(public_key(new_seed()) for _ in range(2))
DEMO = {"tenant": {"demo": {"project": {"main": {"budget": "10"}}, "user": {"me": {"keys": [KEYS[0]]}}}}}


def world(sequence: int = 0, **documents: Document) -> World:
    """A world as a first start leaves it, but for the documents given."""
    fresh = {
        "tenants": DEMO,
        "pricebook": BOOK,
        "slos": shipped_document(),
        "backends": {},
        "services": {},
        "alerts": {},
        "probes": {},
        "fleet": {},
        "protection": {},
    }
    return World({kind: KINDS[kind].normal({**fresh, **documents}[kind]) for kind in KINDS}, sequence)


def plan(before: World, *, prune: bool = False, **documents: Document) -> Plan:
    return plan_of(before, {kind: KINDS[kind].normal(it) for kind, it in documents.items()}, prune=prune)


def applied(before: World, made: Plan) -> World:
    """The world after a plan: of tenants, what the facts say that the broker appends."""
    directory = Directory(Tenants.model_validate(before.documents["tenants"]))
    desired = Tenants.model_validate(made.documents.get("tenants", before.documents["tenants"]))
    assert faults(directory, desired) == []
    for event in changes(directory, desired, by="ada"):
        directory.take(event)
    tenants = KINDS["tenants"].normal(directory.document().model_dump(mode="json"))  # as the command reads it
    return World({**before.documents, **made.documents, "tenants": tenants}, before.sequence + 1)


def said(made: Plan) -> list[str]:
    return [f"{it.action} {it.kind} {it.name}" for it in made.changes]


def prices(**edits: object) -> Document:
    first, *others = BOOK["price"]
    return {**BOOK, "version": "2026-12-01", "price": [{**first, **edits}, *others]}


def test_changes_are_listed_field_by_field() -> None:
    wanted: Document = {
        "tenant": {"demo": {"share": 2, "project": {"main": {"budget": "12"}}, "user": {"me": {"keys": [KEYS[1]]}}}}
    }
    made = plan(world(), tenants=wanted, backends={"stack": {"aer": {"slots": 2}}})
    assert said(made) == [
        "change tenants tenant.demo",
        "change tenants tenant.demo.project.main",
        "change tenants tenant.demo.user.me",
        "create backends stack.aer",
    ]
    assert made.changes[0].fields == {"share": (1, 2)}
    assert made.changes[2].fields == {"keys": ([KEYS[0]], [KEYS[1]])}
    assert made.changes[3].fields["slots"] == (None, 2)
    assert budget_changes(world().documents["tenants"], made.documents["tenants"]) == {"USD": Decimal(2)}


def test_what_documents_do_not_name_stays_without_prune() -> None:
    wanted: Document = {"tenant": {"acme": {}}}
    kept = plan(world(), tenants=wanted)
    assert said(kept) == ["create tenants tenant.acme"]
    assert kept.kept == ("tenants tenant.demo", "tenants tenant.demo.project.main", "tenants tenant.demo.user.me")
    assert {*kept.documents} == {"tenants"}, "kinds without a document are not part of a plan"
    gone = plan(world(), tenants=wanted, prune=True)
    assert {"remove tenants tenant.demo", "remove tenants tenant.demo.user.me"} < {*said(gone)}
    assert gone.documents["tenants"]["removed"] == ["demo"]
    assert gone.kept == ()


def test_the_name_of_a_removed_tenant_stays_reserved() -> None:
    named = plan(world(), tenants={"removed": ["demo"], "tenant": {"acme": {}}})
    assert said(named) == ["create tenants tenant.acme"], "only --prune removes"
    after = applied(world(), plan(world(), tenants={"tenant": {"acme": {}}}, prune=True))
    assert plan(after, tenants={"tenant": {"acme": {}}}, prune=True).changes == ()
    with pytest.raises(BadDocuments, match="a tenant of that name was removed"):
        plan(after, tenants=DEMO)


@pytest.mark.parametrize(
    ("book", "why"),
    [
        ({**prices(), "price": prices()["price"][1:]}, "price aer-2026-11 is in force and a price is never removed"),
        (prices(per_task="0.002"), "price aer-2026-11 is in force and its per_task cannot change"),
        ({**BOOK, "currency": "EUR"}, "the price book is in USD"),
        ({**prices(valid_until="2027-01-01T00:00:00Z"), "version": BOOK["version"]}, "write the date of the new one"),
    ],
)
def test_prices_are_added_and_ended_and_never_edited(book: Document, why: str) -> None:
    with pytest.raises(BadDocuments, match=why):
        plan(world(), pricebook=book, prune=True)


def test_agreements_are_added_and_ended_and_never_edited() -> None:
    terms = {"tenant": "*", "valid_from": "2026-11-01", "source": "test", "as_of": "2026-11-01", "confidence": "low"}
    agreement = {"id": "ten", **terms, "discount": [{"prices": "*", "percent": "10"}]}
    made = plan(world(), pricebook={**prices(), "agreement": [agreement]})
    assert "create pricebook agreement.ten" in said(made)
    agreed = world(pricebook={**BOOK, "agreement": [agreement]})
    with pytest.raises(BadDocuments, match="agreement ten is in force and its source cannot change"):
        plan(agreed, pricebook={**prices(), "agreement": [{**agreement, "source": "other"}]})


def test_a_new_edition_ends_a_price_and_adds_one() -> None:
    book = prices(valid_until="2027-01-01T00:00:00Z")
    newer = {**BOOK["price"][0], "id": "aer-2027", "per_task": "0.002", "valid_from": "2027-01-01T00:00:00Z"}
    made = plan(world(), pricebook={**book, "price": [*book["price"], newer]}, services={"service": {"broker": {}}})
    assert said(made) == [
        "change pricebook ",
        "change pricebook price.aer-2026-11",
        "create pricebook price.aer-2027",
        "create services service.broker",
    ]
    assert restarts(made.changes) == ("broker", "metering")
    with pytest.raises(BadDocuments, match="overlaps 'aer-202"):
        plan(world(), pricebook={**book, "price": [{**newer, "valid_from": "2026-12-01T00:00:00Z"}]})


def test_all_services_that_read_objectives_have_to_restart() -> None:
    service = {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "ours"}}
    made = plan(world(), slos={"Service": {"ours": service}})
    assert restarts(made.changes) == ("telemetry", "alerting")


def test_a_digest_is_that_of_the_documents_and_of_the_world() -> None:
    before: World = world()
    wanted: Document = {"tenant": {**DEMO["tenant"], "acme": {}}}
    made = plan(before, tenants=wanted)
    assert plan(before, tenants=wanted) == made
    again = plan_of(before, made.documents, prune=True)
    assert (again.digest, again.changes) == (made.digest, made.changes), "a saved plan is the same plan"
    assert moved(made, before) == []
    for other in (world(1), world(tenants={"tenant": {}}), applied(before, made)):
        assert moved(made, other) != []
        assert plan(other, tenants=wanted).digest != made.digest
    assert moved(made, world(slos={"Service": {}})) == [], "a kind that is not planned may move"
    assert read_plan(made.model_dump_json().encode(), "plan.json") == made


@pytest.mark.parametrize(
    "edit",
    [
        {"documents": {"tenants": {"tenant": []}}},
        {"documents": {"tenants": {"removed": [], "tenant": {"acme": {}}}}},
        {"documents": {"alerts": {}}},
        {"world": {}},
        {"digest": 7},
    ],
)
def test_a_file_that_is_no_plan_is_refused(edit: dict[str, object]) -> None:
    made = {**plan(world(), tenants={"tenant": {"acme": {}}}).model_dump(mode="json"), **edit}
    with pytest.raises(BadDocuments, match=r"plan.json: is no plan of this version, or is damaged"):
        read_plan(json.dumps(made).encode(), "plan.json")


_NAMES = st.sampled_from(("acme", "beta", "chem", "demo", "x-1"))
_AMOUNT = st.decimals(0, 10_000, places=2).map(lambda it: f"{it:f}")
_PROJECT = st.fixed_dictionaries(
    {},
    optional={"budget": _AMOUNT, "currency": st.sampled_from(("USD", "EUR")), "backends": st.lists(_NAMES, max_size=2)},
)
_BUDGETS = st.dictionaries(st.sampled_from(("tenant", "user:ann", "tag:x")), st.fixed_dictionaries({"amount": _AMOUNT}))
_TENANT = st.fixed_dictionaries(
    {},
    optional={
        "share": st.integers(1, 9),
        "project": st.dictionaries(_NAMES, _PROJECT, max_size=3),
        "user": st.dictionaries(
            _NAMES, st.fixed_dictionaries({"role": st.sampled_from(("viewer", "admin"))}), max_size=3
        ),
        "budget": _BUDGETS,
    },
)
_TENANTS = st.fixed_dictionaries({"tenant": st.dictionaries(_NAMES, _TENANT, max_size=4)})
_STACK = st.fixed_dictionaries(
    {},
    optional={
        "slots": st.integers(1, 64),
        "run_seconds": st.floats(0.5, 900),
        "environment": st.dictionaries(st.text("AB_", min_size=1), st.text(max_size=9)),
    },
)
_BACKENDS = st.fixed_dictionaries({"stack": st.dictionaries(_NAMES, _STACK, max_size=3)})


def objects_of(world_: World) -> dict[str, Any]:
    return {kind: split(it, KINDS[kind].tables) for kind, it in world_.documents.items()}


@pytest.mark.parametrize("end_of_line", ["\n", "\r", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("form", [(to_toml, tomllib.loads), (to_yaml, yaml.safe_load)], ids=["toml", "yaml"])
def test_a_text_with_any_end_of_a_line_is_read_as_it_was(form: tuple[Any, Any], end_of_line: str) -> None:
    write, load = form
    document = {"stack": {"acme": {"environment": {"A": end_of_line, "B": f"a{end_of_line} b"}}}}
    assert load(write(document)) == document


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(_TENANTS, _BACKENDS, st.booleans()), max_size=3),
    st.sampled_from(((to_toml, "toml"), (to_yaml, "yaml"))),
)
def test_an_export_changes_nothing_here_and_makes_a_fresh_stack_the_same(
    history: list[tuple[Document, Document, bool]], form: tuple[Any, str]
) -> None:
    here = world()
    for tenants, backends, prune in history:
        try:
            here = applied(here, plan(here, tenants=tenants, backends=backends, prune=prune))
        except BadDocuments:  # a name that an earlier document removed
            continue
    write, suffix = form
    exported = read(
        Source(kind, f"{kind}.yaml", own(it))
        if (own := KINDS[kind].write)
        else Source(kind, f"{kind}.{suffix}", write(it))
        for kind, it in here.documents.items()
    )
    wanted = {kind: it.document for kind, it in exported.items()}
    assert plan_of(here, wanted, prune=True).changes == ()
    there = applied(world(), plan_of(world(), wanted, prune=True))
    assert objects_of(there) == objects_of(here)


@given(_TENANTS)
def test_objects_are_the_document(tenants: Document) -> None:
    kind = KINDS["tenants"]
    document = kind.normal(tenants)
    assert join(split(document, kind.tables), kind.tables) == document
