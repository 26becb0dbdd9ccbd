"""Records of actions: every type is classified, and every example of the contracts gives what it should."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import pytest

from queuebit_audit_trail import (
    ABOUT,
    ACTIONS,
    NO_ACTIONS,
    WORDS,
    Record,
    Selection,
    record_of,
    subjects,
    types_of,
)
from queuebit_audit_trail.details import MOST_DETAIL, detail_of
from queuebit_contracts.catalog import CATALOG, decode
from queuebit_contracts.config import Application, AppliedChange
from queuebit_kernel import InvalidId

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
STORED = datetime(2026, 11, 30, 12, tzinfo=UTC)


def example(type_: str, name: str = "*") -> Record:
    path = sorted((EXAMPLES / type_).glob(f"{name}.json"))[0]
    found = record_of(decode(path.read_bytes()), 7, STORED)
    assert found is not None
    return found


def test_every_type_of_the_catalogue_is_an_action_or_is_none() -> None:
    assert not ACTIONS.keys() & NO_ACTIONS.keys()
    assert ACTIONS.keys() | NO_ACTIONS.keys() == CATALOG.keys(), "put a new type into one of the two tables"


@pytest.mark.parametrize("type_", ACTIONS)
def test_the_words_for_an_action_fit_its_event(type_: str) -> None:
    action, data = ACTIONS[type_], CATALOG[type_].event.model_fields["data"].annotation
    assert data is not None
    fields = data.model_fields.keys()
    assert {name for _, name, _, _ in Formatter().parse(action.object) if name} <= {*fields, "named"}
    assert action.actor == "by" or action.actor in fields
    assert action.why == ("reason",) or {*action.why} <= fields
    assert not {"reason", "reasons", "note"} & fields - {*action.why}, "a reason that is given must be in the record"
    assert action.about in ABOUT
    assert action.outcome in {"done", "requested", "refused", "failed"}
    assert "by" not in fields or action.actor == "by", "who is named must be in the record"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.json")), ids=lambda it: f"{it.parent.name}/{it.stem}")
def test_every_example_of_an_action_has_a_record_that_says_who(path: Path) -> None:
    found = record_of(decode(path.read_bytes()), 7, STORED)
    assert (found is not None) == (path.parent.name in ACTIONS)
    if found is not None:
        assert found.actor
        assert found.service
        assert (found.sequence, found.stored_at) == (7, "2026-11-30T12:00:00.000000Z")


def test_a_signed_request_names_the_key_until_the_service_names_the_user() -> None:
    request = example("qb.job.submitted.v1")
    assert request.key == request.actor != ""
    assert (request.action, request.outcome, request.service) == ("job.submit", "requested", "client")
    assert request.tenant == "acme"


def test_a_person_is_named_before_the_service() -> None:
    found = example("qb.config.applied.v1")
    assert (found.actor, found.service, found.tenant) == ("ada", "broker", None)
    assert example("qb.tenant.user_defined.v1").object == "user ann"


def test_a_service_acts_where_no_person_is_named() -> None:
    found = example("qb.account.settled.v1")
    assert (found.actor, found.service, found.about) == ("metering", "metering", "money")


def test_a_refusal_has_its_reasons() -> None:
    found = example("qb.job.rejected.v1")
    assert found.outcome == "refused"
    assert found.reason is not None
    assert ": " in found.reason


def test_a_seal_gives_no_statement_as_its_reason() -> None:
    assert example("qb.job.sealed.v2").reason is None


@pytest.mark.parametrize(
    "type_",
    [
        *("qb.account.funded.v1", "qb.account.settled.v1", "qb.account.corrected.v1", "qb.job.metered.v1"),
        *("qb.job.corrected.v1", "qb.reservation.metered.v1", "qb.invoice.issued.v1", "qb.invoice.credited.v1"),
    ],
)
def test_money_has_its_amount(type_: str) -> None:
    amount = example(type_).amount
    assert amount is not None
    assert amount.endswith((" USD", " EUR"))


def test_reads_say_who_read_what_how_often_and_where() -> None:
    found = example("qb.access.read.v1", "results")
    assert (found.action, found.about, found.actor, found.tenant) == ("access.read", "reads", "ann", "acme")
    assert (found.door, found.count, found.since) == ("gateway", 7, "2026-11-30T09:00:01.000000Z")
    assert found.object == "result j1, j2, j3 and 1 more"
    assert found.document()["objects"] == ["j1", "j2", "j3", "j4"]


def test_a_reader_on_the_bus_has_its_key() -> None:
    found = example("qb.access.read.v1", "bus")
    assert (found.door, found.actor, found.key) == ("bus", "ann", "U" + "A" * 55)


def test_a_refusal_of_an_unknown_caller_is_of_no_tenant() -> None:
    found = example("qb.access.refused.v1", "unknown")
    assert (found.actor, found.tenant, found.outcome) == ("unknown", None, "refused")
    assert found.reason == "bad_token"


def test_an_unknown_type_is_no_action() -> None:
    assert record_of(decode(b'{"type": "qb.later.happened.v1"}'), 7, STORED) is None


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(tenant="acme"), True),
        (Selection(tenant="evil"), False),
        (Selection(action="user.define"), True),
        (Selection(action="user"), True),
        (Selection(action="roles"), True),
        (Selection(action="money"), False),
        (Selection(actor="ada"), True),
        (Selection(actor="ann"), False),
        (Selection(since=STORED), True),
        (Selection(since=datetime(2026, 12, 1, tzinfo=UTC)), False),
        (Selection(until=datetime(2026, 12, 1, tzinfo=UTC)), True),
        (Selection(until=STORED), False),
    ],
)
def test_a_selection_takes_what_it_asks_for(selection: Selection, taken: bool) -> None:
    assert selection.takes(example("qb.tenant.user_defined.v1")) is taken


@pytest.mark.parametrize(
    ("type_", "name", "detail"),
    [
        ("qb.tenant.user_defined.v1", "*", "with 1 key"),
        ("qb.tenant.defined.v1", "*", "shots a job"),
        ("qb.tenant.project_defined.v1", "*", "backends: "),
        ("qb.tenant.issuer_defined.v1", "*", "tokens of https://"),
        ("qb.tenant.circuit_defined.v1", "*", "sha256:"),
        ("qb.delegation.granted.v1", "*", "proved by "),
        ("qb.config.applied.v1", "*", " → "),
    ],
)
def test_a_change_says_what_it_sets(type_: str, name: str, detail: str) -> None:
    found = example(type_, name).detail
    assert found is not None
    assert detail in found


def test_a_detail_has_an_end() -> None:
    change = AppliedChange(action="change", kind="tenants", name="tenant.acme", fields={"share": (1, 2)})
    application = Application(by="ada", plan=f"sha256:{0:064}", changes=(change,) * 200)
    found = detail_of(application)
    assert found is not None
    assert (len(found), found[-1]) == (MOST_DETAIL, "…")


def test_the_words_choose_types_as_a_selection_chooses_records() -> None:
    assert types_of(None) == [*ACTIONS]
    for word in WORDS:
        chosen = [it for it in ACTIONS if Selection(action=word).takes(example(it))]
        assert types_of(word) == chosen != []
    assert types_of("use") == []


def test_a_tenant_sees_no_action_on_the_platform() -> None:
    assert not Selection(tenant="acme").takes(example("qb.config.applied.v1"))


def test_of_a_tenant_only_its_own_subjects_are_read() -> None:
    own = subjects("acme")
    assert all(it.split(".")[2] == "acme" for it in own)
    assert "qb.job.acme.*.sealed.*" in own
    assert "qb.config.stack.applied" in subjects()
    assert not any(it.startswith("qb.config") for it in own)


def test_the_name_of_a_tenant_is_no_wildcard() -> None:
    with pytest.raises(InvalidId):
        subjects("*")
