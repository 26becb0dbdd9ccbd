"""Metrics: bounded labels, and texts that Prometheus's own parser and checker accept."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from queuebit_contracts.query import Answer, Question
from queuebit_kernel import Stale, Unavailable
from queuebit_runtime.append_metrics import AppendMetrics
from queuebit_runtime.delivery import Delivered
from queuebit_runtime.exposition import exposition
from queuebit_runtime.health import Health, HealthServer
from queuebit_runtime.http_metrics import HttpMetrics
from queuebit_runtime.message_metrics import MessageMetrics, RequestMetrics
from queuebit_runtime.metrics import MOST_SERIES, OTHER, Metrics
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import REQUESTS, Tenant
from queuebit_testing.build import funded
from queuebit_testing.routes import in_memory

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("broker")


def read(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of the text, without the label that all have."""
    text = exposition(metrics)[1].decode()
    found = {}
    for family in parse_text(text):
        for it in family.samples:
            assert it.labels.pop("service") == metrics.service
            found[it.name, frozenset(it.labels.items())] = it.value
    return found


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


def test_counts_by_labels(metrics: Metrics) -> None:
    jobs = metrics.counter("queuebit_things_total", "Things.", "kind")
    jobs.add("a")
    jobs.add("a", by=2)
    jobs.add('b"\\\n')
    found = read(metrics)
    assert found["queuebit_things_total", labels(kind="a")] == 3
    assert found["queuebit_things_total", labels(kind='b"\\\n')] == 1


def test_a_counter_without_labels_starts_at_zero(metrics: Metrics) -> None:
    metrics.counter("queuebit_things_total", "Things.")
    assert read(metrics)["queuebit_things_total", labels()] == 0


def test_a_histogram_counts_into_buckets_that_add_up(metrics: Metrics) -> None:
    waits = metrics.histogram("queuebit_wait_seconds", "Waits.", "kind", bounds=(1, 2))
    for value in (0.5, 1, 1.5, 7):
        waits.observe(value, "a")
    found = read(metrics)
    buckets = [found["queuebit_wait_seconds_bucket", labels(kind="a", le=it)] for it in ("1.0", "2.0", "+Inf")]
    assert buckets == [2, 3, 4]
    assert found["queuebit_wait_seconds_sum", labels(kind="a")] == 10
    assert found["queuebit_wait_seconds_count", labels(kind="a")] == 4


def test_a_gauge_is_read_when_it_is_asked_for(metrics: Metrics) -> None:
    waiting: dict[tuple[str, ...], float] = {("aer",): 3}
    metrics.gauge("queuebit_waiting_jobs", "Jobs.", lambda: waiting, "backend")
    assert read(metrics)["queuebit_waiting_jobs", labels(backend="aer")] == 3
    waiting["ionq",] = 1
    assert read(metrics)["queuebit_waiting_jobs", labels(backend="ionq")] == 1


def test_too_many_values_of_a_label_are_counted_together(metrics: Metrics) -> None:
    things, waits = (
        metrics.counter("queuebit_things_total", "T.", "kind"),
        metrics.histogram("queuebit_s", "S.", "kind"),
    )
    for number in range(MOST_SERIES + 50):
        things.add(f"k{number}")
        waits.observe(1, f"k{number}")
    assert len(things.series) == len(waits.series) == MOST_SERIES + 1
    assert things.series[OTHER,] == 50
    assert waits.series[OTHER,].cumulative[-1] == 50
    metrics.gauge("queuebit_jobs", "J.", lambda: {(f"b{it}",): it for it in range(500)}, "backend")
    assert sum(name == "queuebit_jobs" for name, _ in read(metrics)) == MOST_SERIES


@pytest.mark.parametrize(
    ("declare", "why"),
    [
        (lambda it: it.counter("queuebit_x_total", "", "job"), "not bounded"),
        (lambda it: it.gauge("queuebit_x", "", dict, "tenant"), "not bounded"),
        (lambda it: it.histogram("queuebit_x_seconds", "", "User"), "not bounded"),
        (lambda it: it.counter("queuebit_x", ""), "_total"),
        (lambda it: it.gauge("x", "", lambda: 1), "queuebit_"),
        (lambda it: [it.gauge("queuebit_x", "", lambda: 1) for _ in range(2)], "declared already"),
    ],
)
def test_a_declaration_that_could_grow_without_limit_is_refused(
    metrics: Metrics, declare: Callable[[Metrics], object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        declare(metrics)


def test_the_number_of_values_is_that_of_the_labels(metrics: Metrics) -> None:
    things = metrics.counter("queuebit_things_total", "T.", "kind")
    with pytest.raises(ValueError, match="1 labels"):
        things.add("a", "b")


def delivery(consumer: str = "broker-submitted", pending: int = 0) -> Delivered:
    return Delivered(consumer, "qb.job.acme.j1.submitted", 1, 1, False, b"", pending=pending)


def test_a_delivery_is_counted_with_its_outcome_and_the_trace_of_its_bucket(metrics: Metrics) -> None:
    counted = MessageMetrics(metrics)
    with counted.handling(delivery(pending=7)) as handling:
        assert read(metrics)["queuebit_messages_in_hand", labels(durable="broker-submitted")] == 1
        handling.outcome, handling.trace = "handled", 5
    with pytest.raises(asyncio.CancelledError), counted.handling(delivery()):
        raise asyncio.CancelledError
    found = read(metrics)
    assert found["queuebit_messages_total", labels(durable="broker-submitted", outcome="handled")] == 1
    assert found["queuebit_messages_total", labels(durable="broker-submitted", outcome="interrupted")] == 1
    assert found["queuebit_messages_in_hand", labels(durable="broker-submitted")] == 0
    assert found["queuebit_messages_pending", labels(durable="broker-submitted")] == 0
    assert found["queuebit_message_seconds_count", labels(durable="broker-submitted")] == 2
    media_type, text = exposition(metrics, OPENMETRICS)
    assert media_type.startswith("application/openmetrics-text")
    exemplars = [
        s.exemplar
        for it in parse_openmetrics(text.decode())  # type: ignore[no-untyped-call]  # it has no types
        for s in it.samples
        if s.exemplar
    ]
    assert [it.labels for it in exemplars] == [{"trace_id": f"{5:032x}"}]


def test_appends_are_counted_by_type_and_refused_ones_by_fault(metrics: Metrics) -> None:
    appends, event = AppendMetrics(metrics), funded("7")
    with appends.appending([event, event]):
        pass
    with pytest.raises(Stale), appends.appending([event]):
        raise Stale("another writer won")
    found = read(metrics)
    assert found["queuebit_events_appended_total", labels(type=event.type)] == 2
    assert found["queuebit_appends_refused_total", labels(fault=Stale.code)] == 1
    assert found["queuebit_append_seconds_count", labels()] == 1


def test_the_process_is_measured_under_the_names_that_all_clients_share(metrics: Metrics) -> None:
    found = {name for name, _ in read(metrics)}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= found


async def test_a_request_over_the_bus_is_counted_by_route_with_the_code_of_its_refusal(metrics: Metrics) -> None:
    server = QueryServer("telemetry", side_by_side=2)

    @server.answers("jobs")
    async def on_jobs(tenant: Tenant, question: Question) -> Answer:
        if question.job:
            raise Unavailable("the warehouse is closed")
        return Answer()

    async with in_memory(server.router) as broker:
        broker.context.set_global(REQUESTS, RequestMetrics(metrics))
        for body in (b"", b"{", b'{"job": "j1"}'):
            await broker.request(body, "qb.query.acme.jobs")
    found = read(metrics)
    for outcome in ("answered", "malformed", "unavailable"):
        assert found["queuebit_requests_total", labels(route="query-jobs", outcome=outcome)] == 1
    assert found["queuebit_request_seconds_count", labels(route="query-jobs")] == 3


async def test_answers_over_http_are_counted_by_method_and_status(metrics: Metrics) -> None:
    async def app(scope: Mapping[str, Any], receive: object, send: Callable[..., Any]) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404})
            await send({"type": "http.response.body"})

    async def nothing(*_: object) -> Any:
        return {}

    counted = HttpMetrics(app, metrics)
    for scope in ({"type": "http", "method": "GET"}, {"type": "http", "method": "BREW"}, {"type": "lifespan"}):
        await counted(scope, nothing, nothing)
    found = read(metrics)
    assert found["queuebit_http_requests_total", labels(method="GET", status="404")] == 1
    assert found["queuebit_http_requests_total", labels(method="other", status="404")] == 1


async def scrape(metrics: Metrics, accept: str = "") -> tuple[str, str]:
    server = HealthServer("127.0.0.1", 0, lambda: Health("broker", alive=False, ready=False), metrics)
    async with await server.start() as listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: x\r\nACCEPT: {accept}\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
    return head, body


async def test_metrics_are_served_beside_the_health_also_of_a_service_that_cannot_work(metrics: Metrics) -> None:
    metrics.gauge("queuebit_ready", "Ready.", lambda: False)
    head, body = await scrape(metrics)
    assert head.startswith("HTTP/1.1 200 OK")
    assert "text/plain" in head
    assert 'queuebit_ready{service="broker"} 0.0' in body
    head, body = await scrape(metrics, OPENMETRICS)
    assert "application/openmetrics-text" in head
    assert body.endswith("# EOF\n")


@pytest.mark.parametrize("version", ["foo", '"1.0.0"', "1.x"])
async def test_a_version_that_is_no_number_gets_the_text(metrics: Metrics, version: str) -> None:
    head, _ = await scrape(metrics, f"application/openmetrics-text; version={version}")
    assert head.startswith("HTTP/1.1 200 OK")
    assert "text/plain" in head


async def test_promtool_finds_nothing_to_complain_about(metrics: Metrics) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed: it is part of Debian's package prometheus")
    MessageMetrics(metrics).handling(delivery()).__enter__()
    RequestMetrics(metrics).ended("query-jobs", "answered", 0.1)
    AppendMetrics(metrics)
    checked = subprocess.run([tool, "check", "metrics"], input=exposition(metrics)[1], capture_output=True, check=False)
    assert (checked.returncode, checked.stderr.decode()) == (0, "")


def test_the_library_is_imported_by_the_first_request_only() -> None:
    look = "import queuebit_runtime.service, sys; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
