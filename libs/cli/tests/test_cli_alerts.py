"""`qb alerts` and `qb silence`: what is asked of the alerting service, and what people and programs read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_contracts.alert_requests import AlertingAnswer, AlertingRequest, AlertRow, TestOutcome
from queuebit_contracts.alerts import Silence
from queuebit_stack.errors import Exit

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
GROUPS = ("a1" * 8, "a2" * 8)


def row(group: str, **more: object) -> AlertRow:
    labels = {"alertname": "ErrorBudgetBurn", "severity": "page", "tenant": "acme"}
    known = {"alert": "0" * 16, "group": group, "number": 1, "status": "firing", "labels": labels, "starts_at": NOON}
    return AlertRow.model_validate({**known, **more})


class Service:
    """Answers as the alerting service, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[AlertingRequest] = []
        self.alerts = [
            row(GROUPS[0], informed=("chat",), quiet_because="silence s1"),
            row(GROUPS[1], quiet_because="window torino"),
        ]
        self.outcome = TestOutcome(receiver="chat", delivered=True, status=202)

    def answered(self, _: object, **fields: object) -> AlertingAnswer:
        request = AlertingRequest.model_validate(fields)
        self.asked.append(request)
        if (order := request.silence) is not None:
            given = order.model_dump(include={"matchers", "reason", "ends_at"})
            made = Silence(silence="s1", author=request.by, starts_at=NOON, **given)
            return AlertingAnswer(silences=(made,), sequence=7)
        if request.test is not None:
            return AlertingAnswer(test=self.outcome)
        return AlertingAnswer(alerts=tuple(self.alerts), sequence=7)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    found = Service()
    monkeypatch.setattr("queuebit_cli.commands.alerts.answered", found.answered)
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path))
    return found


@pytest.mark.usefixtures("service")
def test_the_list_says_who_was_notified_and_why_some_were_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "list"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert (
        first.index("chat; held back: silence s1") == second.index("held back: window torino") == head.index("notified")
    )
    assert main(["alerts", "list", "--json"]) == 0
    assert [it["group"] for it in json.loads(capsys.readouterr().out)] == [*GROUPS]


def test_a_group_is_acknowledged_by_a_beginning_that_only_it_has(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["alerts", "ack", "a2", "--by", "ann"]) == 0
    assert service.asked[-1].acknowledge is not None
    assert (service.asked[-1].acknowledge.group, service.asked[-1].by) == (GROUPS[1], "ann")
    for name, text in (("a", "several groups begin"), ("b", "no group that fires begins")):
        assert main(["alerts", "ack", name]) == Exit.USAGE
        assert text in capsys.readouterr().err
    assert [it.acknowledge for it in service.asked].count(None) == 3, "refused before anything is asked for"


def test_a_silence_has_conditions_a_reason_and_an_end(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    silence = ["silence", "add", "backend=torino", "tenant!=acme", "--reason", "warm"]
    assert main([*silence, "--until", "2026-11-30T16:00:00Z", "--json"]) == 0
    order = service.asked[-1].silence
    assert order is not None
    assert [(it.label, it.op, it.value) for it in order.matchers] == [
        ("backend", "=", "torino"),
        ("tenant", "!=", "acme"),
    ]
    assert (order.reason, order.ends_at) == ("warm", NOON + timedelta(hours=4))
    assert json.loads(capsys.readouterr().out)[0]["silence"] == "s1"


@pytest.mark.parametrize("wrong", ["torino", "=torino", "Backend=torino", "backend=~tor.*", "backend!~tor.*"])
def test_what_is_no_condition_is_refused(service: Service, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["silence", "add", wrong, "--for", "2h", "--reason", "warm"]) == Exit.USAGE
    assert "write LABEL=VALUE, such as backend=torino" in capsys.readouterr().err
    assert service.asked == []


def test_a_receiver_that_was_not_reached_is_a_failure(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "test", "chat"]) == 0
    service.outcome = TestOutcome(receiver="chat", delivered=False, error="it answered with 403")
    assert main(["alerts", "test", "chat"]) == Exit.UNREACHABLE
    assert "chat was not reached: it answered with 403" in capsys.readouterr().err
