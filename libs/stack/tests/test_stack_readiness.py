"""The checklists: each line says what is missing and what to do, and none is met by what is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from queuebit_contracts.alert_documents import Alerts, Receiver, Rotation, Route
from queuebit_contracts.tenants import Budget, Tenant, Tenants
from queuebit_stack.readiness import Backend, Situation, judge

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
RECENT, OLD = NOW - timedelta(hours=1), NOW - timedelta(days=40)
ALERTS = Alerts(
    receiver={
        "eve": Receiver(kind="pagerduty", secret="pager"),
        "ada": Receiver(kind="pagerduty", secret="pager"),
        "team": Receiver(kind="alertmanager", url="https://alerts.example"),
    },
    rotation={"primary": Rotation(members=("eve", "ada"), starts=OLD)},
    route={
        "pages": Route(match={"severity": "page"}, rotation="primary"),
        "tickets": Route(match={"severity": "ticket"}, receivers=("team",)),
    },
)
READY = Situation(
    now=NOW,
    ill=(),
    tenants=Tenants(tenant={"acme": Tenant(budget={"tenant": Budget(amount="100", window="month")})}),
    alerts=ALERTS,
    alert_secrets=frozenset({"pager"}),
    reached=dict.fromkeys(("eve", "ada", "team"), RECENT),
    objectives=8,
    unpriced=(),
    backed_up=RECENT,
    listens={"nats-server": "tls://10.0.0.5:4222", "warehouse": "http://127.0.0.1:8123"},
    backends=(Backend("aer", "simulator", None), Backend("perth", "qpu", RECENT)),
    sealed=12,
    unsealed=0,
    receipt="",
    unacknowledged=0,
    applied="8d2f6a1c0b5e",
)


def test_a_stack_that_has_everything_is_ready() -> None:
    assert [it for it in judge(READY) if it.state != "ok" or it.do] == []


def test_nothing_known_is_ready_in_nothing() -> None:
    assert [it.check for it in judge(Situation(now=NOW)) if it.state == "ok"] == []


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("services", lambda it: replace(it, ill=("disk",))),
        ("objectives", lambda it: replace(it, objectives=0)),
        ("pages", lambda it: replace(it, alerts=Alerts())),
        ("pages", lambda it: replace(it, alert_secrets=frozenset())),
        ("tickets", lambda it: replace(it, alerts=ALERTS.model_copy(update={"route": {"p": ALERTS.route["pages"]}}))),
        ("rotation", lambda it: replace(it, alerts=ALERTS.model_copy(update={"rotation": {}, "route": {}}))),
        ("receivers", lambda it: replace(it, reached={"eve": RECENT, "ada": OLD, "team": RECENT})),
        ("receivers", lambda it: replace(it, reached={})),
        ("prices", lambda it: replace(it, unpriced=("perth",))),
        ("budgets", lambda it: replace(it, tenants=Tenants(tenant={"acme": Tenant()}))),
        ("demo", lambda it: replace(it, tenants=Tenants(tenant={"demo": Tenant()}))),
        ("TLS", lambda it: replace(it, listens={"nats-server": "nats://10.0.0.5:4222"})),
        ("TLS", lambda it: replace(it, listens={"http": "http://0.0.0.0:7440"})),
        ("documents", lambda it: replace(it, applied="8d2f6a1c0b5e-dirty")),
        ("documents", lambda it: replace(it, applied="")),
        ("backup", lambda it: replace(it, backed_up=None)),
        ("backup", lambda it: replace(it, backed_up=OLD)),
        ("receipts", lambda it: replace(it, unsealed=1)),
        ("receipts", lambda it: replace(it, receipt="the signature does not fit")),
        ("calibrations", lambda it: replace(it, backends=(Backend("perth", "qpu", OLD),))),
        ("calibrations", lambda it: replace(it, backends=(Backend("perth", "emulated", None),))),
        ("incidents", lambda it: replace(it, unacknowledged=2)),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(check: str, change: Callable[[Situation], Situation]) -> None:
    (item,) = [it for it in judge(change(READY)) if it.check == check]
    assert item.state == "missing"
    assert item.do
    assert item.found != "ok"


def test_a_receipt_that_could_not_be_read_is_not_taken_for_a_good_one() -> None:
    (item,) = [it for it in judge(replace(READY, receipt=None)) if it.check == "receipts"]
    assert item.state == "unknown"
