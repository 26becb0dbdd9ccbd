"""Export to an OpenTelemetry collector, whose requests are decoded with OpenTelemetry's own protocol classes."""

from __future__ import annotations

import asyncio
import gzip
import logging
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no types
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from queuebit_runtime.delivery import Delivered, current
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.otlp import exporting, wanted_signals
from queuebit_runtime.tracing import Tracing, whose

KINDS: dict[str, Any] = {  # protobuf has no types
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
ALL = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


class Collector:
    """An OTLP/HTTP receiver: keeps what it gets, decoded."""

    def __init__(self) -> None:
        received: dict[str, list[Any]] = defaultdict(list)  # requests of protobuf, which have no types
        headers: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                received[self.path].append(KINDS[self.path].FromString(body))
                headers.append({name.lower(): it for name, it in self.headers.items()})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.received, self.headers = received, headers
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def attributes(of: Any) -> dict[str, str]:
    return {it.key: it.value.string_value for it in of.attributes}


async def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Tracing:
    """A process that records a span, a line and some counts, and ends."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    metrics, tracing, log = Metrics("broker"), Tracing("broker"), logging.getLogger("queuebit_runtime.test")
    metrics.counter("queuebit_things_total", "Things.", "kind").add("a", by=3)
    metrics.histogram("queuebit_wait_seconds", "Waits.", bounds=(1, 2)).observe(1.5)
    metrics.gauge("queuebit_waiting_jobs", "Jobs.", lambda: 7)
    async with exporting(environment, metrics, tracing):
        with tracing.span("place", attributes=whose("acme", "j1")):
            token = current.set(Delivered("scheduler", "qb.job.acme.j1.accepted", 1, 1, False, b""))
            log.warning("no place for %s", "it")
            current.reset(token)
        tracing.take()
    return tracing


async def test_spans_metrics_and_records_reach_the_collector_with_the_same_trace(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
    }
    await run({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **extra}, monkeypatch)
    assert {it["authorization"] for it in collector.headers} == {"Bearer x"}

    (traces,) = collector.received["/v1/traces"]
    (of,) = traces.resource_spans
    resource = attributes(of.resource)
    assert (resource["service.name"], resource["deployment.environment"]) == ("broker", "test")
    (span,) = of.scope_spans[0].spans
    assert (span.name, attributes(span)["queuebit.job"]) == ("place", "j1")

    (logs,) = collector.received["/v1/logs"]
    (record,) = [it for scope in logs.resource_logs[0].scope_logs for it in scope.log_records]
    assert (record.body.string_value, record.severity_text) == ("no place for it", "WARNING")
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert attributes(record) == {"queuebit.durable": "scheduler", "queuebit.tenant": "acme", "queuebit.job": "j1"}

    (measured,) = collector.received["/v1/metrics"]
    found = {it.name: it for scope in measured.resource_metrics[0].scope_metrics for it in scope.metrics}
    (counted,) = found["queuebit_things_total"].sum.data_points
    assert (counted.as_double, attributes(counted)) == (3, {"kind": "a"})
    assert found["queuebit_things_total"].sum.is_monotonic
    (observed,) = found["queuebit_wait_seconds"].histogram.data_points
    assert ([*observed.bucket_counts], observed.sum, observed.HasField("min")) == ([0, 1, 0], 1.5, False)
    assert found["queuebit_waiting_jobs"].gauge.data_points[0].as_double == 7
    assert found["process_resident_memory_bytes"].unit == "By"


async def test_all_signals_reach_a_collector_over_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    received: dict[str, list[Any]] = defaultdict(list)
    headers: list[dict[str, str]] = []

    class Receiver(TraceServiceServicer, MetricsServiceServicer, LogsServiceServicer):
        """The three services of a collector, whose method has one name."""

        def Export(self, request: Any, context: Any) -> Any:
            received[type(request).__name__].append(request)
            headers.append(dict(context.invocation_metadata()))
            return ExportTraceServiceResponse()  # each answer is an empty message

    server = grpc.server(ThreadPoolExecutor(2))
    services: list[Any] = [  # generated code has no types
        add_TraceServiceServicer_to_server,
        add_MetricsServiceServicer_to_server,
        add_LogsServiceServicer_to_server,
    ]
    for add in services:
        add(Receiver(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    address = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    await run({**address, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x"}, monkeypatch)
    server.stop(None)

    (traces,), (logs,), (measured,) = (received[f"Export{it}ServiceRequest"] for it in ("Trace", "Logs", "Metrics"))
    (span,) = traces.resource_spans[0].scope_spans[0].spans
    assert (span.name, attributes(span)["queuebit.job"]) == ("place", "j1")
    (record,) = [it for scope in logs.resource_logs[0].scope_logs for it in scope.log_records]
    assert (record.body.string_value, record.trace_id) == ("no place for it", span.trace_id)
    found = {it.name: it for scope in measured.resource_metrics[0].scope_metrics for it in scope.metrics}
    assert found["queuebit_things_total"].sum.data_points[0].as_double == 3
    assert {it["authorization"] for it in headers} == {"Bearer x"}


async def test_one_signal_may_have_its_own_endpoint(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    await run({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"}, monkeypatch)
    assert set(collector.received) == {"/v1/traces"}


async def test_a_share_of_the_traces_is_sent_and_every_span_that_failed(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.5",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracing = Tracing("broker")
    async with exporting(environment, Metrics("broker"), tracing):
        for number in range(1, 101):
            trace = f"{number * (2**64 // 101):032x}"
            with tracing.span("good", f"00-{trace}-{1:016x}-01"):
                pass
            with pytest.raises(ValueError), tracing.span("bad", f"00-{trace}-{1:016x}-01"):
                raise ValueError("x")
        tracing.take()
    (request,) = collector.received["/v1/traces"]
    names = [it.name for scope in request.resource_spans[0].scope_spans for it in scope.spans]
    assert (names.count("bad"), names.count("good")) == (100, 50)


async def test_a_collector_that_does_not_answer_delays_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await run(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}, monkeypatch
    )
    assert loop.time() - began < 20
    silent.close()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, set()),
        (ALL, {"TRACES", "METRICS", "LOGS"}),
        ({**ALL, "OTEL_SDK_DISABLED": "true"}, set()),
        ({**ALL, "OTEL_LOGS_EXPORTER": "none"}, {"TRACES", "METRICS"}),
        ({**ALL, "OTEL_TRACES_EXPORTER": "console,otlp"}, {"TRACES", "METRICS", "LOGS"}),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}, set()),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://x/v1/logs"}, {"LOGS"}),
        ({**ALL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"TRACES", "METRICS", "LOGS"}),
        ({**ALL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, set()),
        ({**ALL, "OTEL_EXPORTER_OTLP_PROTOCOL": "?", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf"}, {"LOGS"}),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], wanted: set[str]) -> None:
    assert wanted_signals(environment) == wanted


def test_without_the_library_of_grpc_nothing_is_exported_over_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("queuebit_runtime.otlp.find_spec", lambda _: None)
    over_grpc = {**ALL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert wanted_signals({**over_grpc, "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf"}) == {"LOGS"}
    assert "pip install queuebit-runtime[grpc]" in caplog.text


async def test_without_a_variable_nothing_changes() -> None:
    assert isinstance(exporting({}, Metrics("broker")), nullcontext)
    look = "import queuebit_runtime.service, sys; sys.exit('opentelemetry.exporter' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "much"},
        *({"OTEL_METRIC_EXPORT_INTERVAL": it} for it in ("0", "-5", "nan", "often")),
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip"},
    ],
)
async def test_a_wrong_variable_stops_no_service(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await run({**ALL, **wrong}, monkeypatch)
    assert "nothing is exported" in caplog.text
