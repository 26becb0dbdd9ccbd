"""What the broker refuses on the bus is a fact of the audit trail, once and under the name of the user."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from queuebit_broker.refusals import Refusals
from queuebit_contracts.delegation import DelegationAnswer
from queuebit_contracts.query import Answer
from queuebit_contracts.session import SessionAnswer
from queuebit_contracts.wire import Reason


class Access:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[Any, ...]] = []

    def refused(self, door: str, kind: str, named: str, who: Any, code: str) -> None:
        self.counted.append((door, kind, named, who.tenant, who.by, code))


@pytest.fixture
def access() -> Access:
    return Access()


@pytest.fixture
def refusals(access: Access) -> Refusals:
    users = {("evil", "UEVE"): ("eve", "submitter")}
    world = SimpleNamespace(directory=SimpleNamespace(user=lambda tenant, key: users.get((tenant, key))))
    return Refusals(access, world)  # type: ignore[arg-type]


def message(subject: str, user: str | None = "UEVE", reply: str = "_INBOX.x.1") -> Any:
    headers = None if user is None else {"Nats-Request-Info": json.dumps({"acc": "evil", "user": user})}
    return SimpleNamespace(subject=subject, headers=headers, reply=reply, data=b"")


def refused(code: str) -> DelegationAnswer:
    return DelegationAnswer(errors=(Reason(code=code, text="no"),))


def test_a_message_that_the_intake_refuses_is_counted_under_its_own_subject(refusals: Refusals, access: Access) -> None:
    refusals.message(message("qb.intake.job.evil.j1.submitted"), "protected_data")
    refusals.message(message("qb.intake.other.evil.j1"), "malformed")
    assert access.counted == [
        ("bus", "publish", "qb.job.evil.j1.submitted", "evil", "eve", "protected_data"),
        ("bus", "publish", "qb.intake.other.evil.j1", "evil", "eve", "malformed"),
    ]


def test_a_refused_request_is_counted_with_its_first_reason(refusals: Refusals, access: Access) -> None:
    refusals.request(message("qb.identity.evil.delegate"), refused("bad_signature"))
    closed = SessionAnswer(errors=(Reason(code="unknown_session", text="no"),))
    refusals.request(message("qb.sessions.evil.close", "UOTHER"), closed)
    assert access.counted == [
        ("bus", "request", "qb.identity.evil.delegate", "evil", "eve", "bad_signature"),
        ("bus", "request", "qb.sessions.evil.close", "evil", None, "unknown_session"),
    ]


def test_what_is_no_refusal_is_not_counted(refusals: Refusals, access: Access) -> None:
    subject = "qb.identity.evil.delegate"
    refusals.request(message(subject), DelegationAnswer())
    refusals.request(message(subject), refused("unavailable"))
    refusals.request(message(subject), Answer(error=Reason(code="unknown_job", text="no")))
    assert access.counted == []


def test_the_gateway_counts_its_callers_itself(refusals: Refusals, access: Access) -> None:
    refusals.request(message("qb.identity.evil.delegate", None, "_INBOX.gateway.1"), refused("proof_expired"))
    refusals.message(message("qb.intake.job.evil.j1.submitted", None, ""), "malformed")
    assert access.counted == []
