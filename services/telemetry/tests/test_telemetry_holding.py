"""What incidents need outlives its retention: spans of jobs that were hit, and warnings of that time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit_contracts.incidents import IncidentAlert, IncidentEnd, Opening
from queuebit_incidents.events import fact_of
from queuebit_incidents.scope import Scope
from queuebit_kernel import Fault, FixedClock, Unavailable
from queuebit_runtime.rows import row_of
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.errors import NoTables, OtherGeneration
from queuebit_telemetry.holding import HoldEvidence, incidents_in
from queuebit_telemetry.spans import LogLine, Span

NOW = datetime.now(UTC).replace(microsecond=0)
GROUP = "5f1d0c2a9b7e4d33"
HIT, OTHER = "a" * 32, "b" * 32


def opened(ago: timedelta, number: int = 1) -> tuple[str, bytes]:
    """An incident about the tenant acme whose alert fired so long ago."""
    labels = {"tenant": "acme"}
    alert = IncidentAlert(alert="0a1b2c3d4e5f6071", number=number, labels=labels, fired_at=NOW - ago)
    fact = fact_of(
        Opening(incident=f"{GROUP}-{number}", group=GROUP, labels=labels, title="jobs fail", alerts=(alert,))
    )
    return f"qb.incident.{GROUP}.opened.{number}", fact.to_bytes()


def resolved(number: int = 1) -> tuple[str, bytes]:
    end = IncidentEnd(incident=f"{GROUP}-{number}", episode=1, rule="quiet", ended_at=NOW - timedelta(minutes=5))
    return f"qb.incident.{GROUP}.resolved.{number}", fact_of(end).to_bytes()


def failure(tenant: str, trace: str, at: datetime) -> tuple[str, bytes]:
    body = {
        "id": f"{tenant}-{trace[0]}", "source": "qb/executor-aer", "type": "qb.job.failed.v1", "time": at.isoformat(),
        "traceparent": f"00-{trace}-{'1' * 16}-01", "data": {"tenant": tenant, "job": "j1", "backend": "aer"},
    }  # fmt: skip
    return f"qb.job.{tenant}.j1.failed", json.dumps(body).encode()


def fact(message: tuple[str, bytes]) -> Mapping[str, Any]:
    """A fact as a row of the warehouse."""
    subject, body = message
    document = json.loads(body)
    return {
        "id": document["id"], "source": document["source"], "type": document["type"], "subject": subject,
        "at": document["time"], "data": json.dumps(document["data"]),
    }  # fmt: skip


class MemoryEvidence:
    """Facts of incidents, and what was held."""

    def __init__(self, *messages: tuple[str, bytes]) -> None:
        self.messages = [*messages]
        self.held: list[str] = []

    async def incident_facts(self) -> list[dict[str, Any]]:
        return [dict(fact(it)) for it in self.messages]

    async def hold(self, scope: Scope) -> None:
        self.held.append(scope.incident)


async def test_an_open_incident_is_held_again_and_one_that_is_over_once() -> None:
    evidence = MemoryEvidence(opened(timedelta(hours=2)))
    hold = HoldEvidence(evidence, FixedClock(NOW))
    await hold()
    await hold()
    assert evidence.held == [f"{GROUP}-1"] * 2
    evidence.messages.append(resolved())
    await hold()
    await hold()
    assert evidence.held == [f"{GROUP}-1"] * 3


async def test_of_an_incident_long_ago_nothing_is_left_to_hold() -> None:
    long_ago = timedelta(days=40)
    ended = IncidentEnd(incident=f"{GROUP}-1", episode=1, rule="quiet", ended_at=NOW - timedelta(days=39))
    evidence = MemoryEvidence(opened(long_ago), (f"qb.incident.{GROUP}.resolved.1", fact_of(ended).to_bytes()))
    document = json.loads(evidence.messages[0][1]) | {"time": (NOW - long_ago).isoformat()}
    evidence.messages[0] = (evidence.messages[0][0], json.dumps(document).encode())
    await HoldEvidence(evidence, FixedClock(NOW))()
    assert evidence.held == []


async def test_a_warehouse_that_does_not_answer_is_asked_again() -> None:
    class Away(MemoryEvidence):
        async def hold(self, scope: Scope) -> None:
            await super().hold(scope)
            if len(self.held) == 1:
                raise Unavailable("no answer")

    evidence = Away(opened(timedelta(hours=2)), resolved())
    hold = HoldEvidence(evidence, FixedClock(NOW))
    with pytest.raises(Unavailable):
        await hold()
    await hold()
    await hold()
    assert len(evidence.held) == 2


@pytest.mark.parametrize("fault", [NoTables("it is rebuilt"), OtherGeneration("it was rebuilt"), Unavailable("away")])
async def test_a_warehouse_that_is_rebuilt_does_not_end_the_service(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    class Rebuilt(MemoryEvidence):
        async def incident_facts(self) -> list[dict[str, Any]]:
            raise fault

    running = asyncio.create_task(HoldEvidence(Rebuilt(), FixedClock(NOW)).run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    assert "will be tried again" in caplog.text


def test_a_fact_that_cannot_be_read_hides_no_other() -> None:
    rows = [fact(opened(timedelta(hours=1))), {**fact(resolved()), "data": "{}"}]
    assert [it.is_over for it in incidents_in(rows)] == [False]


@pytest.mark.server
async def test_spans_of_hit_jobs_and_warnings_of_that_time_are_copied_once(clickhouse: ClickHouse) -> None:
    at = NOW - timedelta(minutes=30)
    messages = [opened(timedelta(hours=1)), failure("acme", HIT, at), failure("other", OTHER, at)]
    rows = [row_of(subject, body, seq, NOW - timedelta(minutes=20)) for seq, (subject, body) in enumerate(messages, 1)]
    await clickhouse.append(rows, (await clickhouse.position()).generation, "LOG>0")
    moment = int(at.timestamp() * 1e9)

    def span(trace: str) -> Span:
        return Span(Timestamp=moment, TraceId=trace, SpanId="c" * 16, SpanName="x", ServiceName="broker", Duration=1)

    def line(text: str, level: int, trace: str = "", ago: timedelta = timedelta(0)) -> LogLine:
        when = moment - int(ago.total_seconds() * 1e9)
        return LogLine(
            Timestamp=when, TraceId=trace, SeverityText="X", SeverityNumber=level, ServiceName="broker", Body=text
        )

    await clickhouse.add_spans([span(HIT), span(OTHER)], "spans")
    earlier = line("before", 17, ago=timedelta(days=1))
    lines = [line("a warning", 13), line("of the trace", 9, HIT), line("of another", 9, OTHER), earlier]
    await clickhouse.add_lines(lines, "lines")
    hold = HoldEvidence(clickhouse, FixedClock(NOW))
    await hold()
    await hold()
    spans = await clickhouse._query("SELECT Incident, TraceId FROM otel_traces_held FINAL")
    assert spans == [{"Incident": f"{GROUP}-1", "TraceId": HIT}]
    kept = await clickhouse._query("SELECT Body FROM otel_logs_held FINAL ORDER BY Body")
    assert [it["Body"] for it in kept] == ["a warning", "of the trace"]
