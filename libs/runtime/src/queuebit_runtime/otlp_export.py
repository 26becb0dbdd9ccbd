"""Sends spans, metrics and log records of one process to an OpenTelemetry collector, with OpenTelemetry's exporters.

The SDK batches, retries and drops in threads of its own; metrics are read in the event loop, where they change, and
sent from a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from time import time_ns
from types import TracebackType
from typing import Final, TypeVar

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import export as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import StatusCode

from queuebit_runtime.exposition import process_families
from queuebit_runtime.log_records import context_of_record
from queuebit_runtime.metrics import Counter, Distribution, Histogram, Metric, Metrics
from queuebit_runtime.otlp import Signal, uses_grpc
from queuebit_runtime.tracing import Tracing

__all__ = ["Export", "OtlpRecords", "metrics_data", "sampled"]

_CLOSING_S: Final = 5.0
"""How long the rest may take at the end of the process."""
_EVERY_MS: Final = 60_000
"""The standard's interval of metrics."""
_UNITS: Final = {"seconds": "s", "bytes": "By"}
_OWN: Final = ("grpc", "opentelemetry", "requests", "urllib3")
"""Loggers of the export itself: their records are not exported, because each would cause another one."""
_CUMULATIVE: Final = otel.AggregationTemporality.CUMULATIVE

_log = logging.getLogger(__name__)

_Exporter = TypeVar("_Exporter")


class Export:
    """The export of some signals, for as long as the context lasts."""

    def __init__(
        self, signals: frozenset[Signal], environment: Mapping[str, str], metrics: Metrics, tracing: Tracing | None
    ) -> None:
        self._signals, self._environment, self._metrics, self._tracing = signals, environment, metrics, tracing
        self._resource = Resource.create({"service.name": metrics.service, "service.namespace": "queuebit"})
        self._closing: list[Callable[[], object]] = []
        self._sending: asyncio.Task[None] | None = None
        self._began = time_ns()

    async def __aenter__(self) -> None:
        try:
            self._begin()
        except (OSError, ValueError) as error:
            _log.error("nothing is exported to a collector: %s: correct the variables OTEL_*", error)
            return
        _log.info("exports %s to a collector", ", ".join(sorted(it.lower() for it in self._signals)))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._sending is not None:
            self._sending.cancel()
        with suppress(TimeoutError):  # the threads are daemons: a collector that does not answer delays no end
            async with asyncio.timeout(_CLOSING_S):
                await asyncio.gather(*(asyncio.to_thread(it) for it in self._closing))

    def _begin(self) -> None:
        every_s = float(self._environment.get("OTEL_METRIC_EXPORT_INTERVAL") or _EVERY_MS) / 1000
        if not every_s > 0:
            raise ValueError("OTEL_METRIC_EXPORT_INTERVAL is not above 0 milliseconds")
        if "TRACES" in self._signals and self._tracing is not None:
            spans = BatchSpanProcessor(_span_exporter(self._environment))
            self._closing.append(partial(spans.shutdown))
            self._tracing.export_to(self._resource, sampled(spans.on_end, self._environment))
        if "LOGS" in self._signals:
            records = BatchLogRecordProcessor(_log_exporter(self._environment))
            handler = OtlpRecords(self._resource, records)
            logging.getLogger().addHandler(handler)
            self._closing += [partial(logging.getLogger().removeHandler, handler), records.shutdown]
        if "METRICS" in self._signals:
            exporter = _metric_exporter(self._environment)
            self._closing.append(partial(self._last_metrics, exporter))
            self._sending = asyncio.get_running_loop().create_task(self._send_metrics(exporter, every_s))

    async def _send_metrics(self, exporter: otel.MetricExporter, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(exporter.export, self._data())

    def _last_metrics(self, exporter: otel.MetricExporter) -> None:
        exporter.export(self._data())  # nothing changes them any more
        exporter.shutdown()

    def _data(self) -> otel.MetricsData:
        return metrics_data(self._metrics, self._resource, self._began)


def _span_exporter(environment: Mapping[str, str]) -> SpanExporter:
    if uses_grpc("TRACES", environment):
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc

        return _over_grpc(OverGrpc)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _log_exporter(environment: Mapping[str, str]) -> LogRecordExporter:
    if uses_grpc("LOGS", environment):
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as OverGrpc

        return _over_grpc(OverGrpc)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    return OTLPLogExporter()


def _metric_exporter(environment: Mapping[str, str]) -> otel.MetricExporter:
    if uses_grpc("METRICS", environment):
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as OverGrpc

        return _over_grpc(OverGrpc)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter()


def _over_grpc(exporter: Callable[[], _Exporter]) -> _Exporter:
    from opentelemetry.exporter.otlp.proto.grpc.exporter import InvalidCompressionValueException

    try:
        return exporter()
    except InvalidCompressionValueException as error:  # of no kind that other wrong variables have
        raise ValueError(str(error)) from error


def sampled(send: Callable[[ReadableSpan], None], environment: Mapping[str, str]) -> Callable[[ReadableSpan], None]:
    """Send all spans that failed, and of all others those of the traces that `OTEL_TRACES_SAMPLER` keeps.

    Raises:
        ValueError: its argument is no share.
    """
    if "traceidratio" not in environment.get("OTEL_TRACES_SAMPLER", ""):
        return send
    bound = TraceIdRatioBased(float(environment.get("OTEL_TRACES_SAMPLER_ARG") or 1)).bound

    def choose(span: ReadableSpan) -> None:
        context = span.get_span_context()
        if span.status.status_code is StatusCode.ERROR or (
            context is not None and context.trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < bound
        ):
            send(span)

    return choose


class OtlpRecords(logging.Handler):
    """Gives log records to the export, with the ids of the message that is handled as attributes."""

    def __init__(self, resource: Resource, processor: BatchLogRecordProcessor) -> None:
        super().__init__()
        self._provider = LoggerProvider(resource, shutdown_on_exit=False)
        self._provider.add_log_record_processor(processor)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_OWN):
            return
        attributes = {f"queuebit.{name}": it for name, it in context_of_record().items() if name not in _IN_TRACE}
        if record.exc_info:
            attributes["exception.stacktrace"] = logging.Formatter().formatException(record.exc_info)
        self._provider.get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                observed_timestamp=time_ns(),
                context=get_current(),
                severity_text=record.levelname,
                severity_number=_SEVERITIES.get(record.levelname, SeverityNumber.UNSPECIFIED),
                body=record.getMessage(),
                attributes=attributes,
            )
        )


_SEVERITIES: Final = {
    "DEBUG": SeverityNumber.DEBUG,
    "INFO": SeverityNumber.INFO,
    "WARNING": SeverityNumber.WARN,
    "ERROR": SeverityNumber.ERROR,
    "CRITICAL": SeverityNumber.FATAL,
}
_IN_TRACE: Final = ("trace_id", "span_id")
"""Parts of a record's context that OTLP has fields for."""


def metrics_data(metrics: Metrics, resource: Resource, began: int) -> otel.MetricsData:
    """All metrics as one export, cumulative since `began`."""
    now = time_ns()
    found = [
        *(_metric(it, began, now) for it in metrics),
        *_of_process(began, now),
    ]
    scope = otel.ScopeMetrics(InstrumentationScope("queuebit_runtime"), found, "")
    return otel.MetricsData([otel.ResourceMetrics(resource, [scope], "")])


def _metric(metric: Metric, began: int, now: int) -> otel.Metric:
    labels = metric.labels
    data: otel.Sum | otel.Gauge | otel.Histogram
    if isinstance(metric, Histogram):
        observed = [
            _histogram(dict(zip(labels, values, strict=True)), it, began, now) for values, it in metric.series.items()
        ]
        data = otel.Histogram(observed, _CUMULATIVE)
    else:
        points = [
            otel.NumberDataPoint(dict(zip(labels, values, strict=True)), began, now, float(number))
            for values, number in metric.series.items()
        ]
        data = otel.Sum(points, _CUMULATIVE, is_monotonic=True) if isinstance(metric, Counter) else otel.Gauge(points)
    return otel.Metric(metric.name, metric.text, _unit(metric.name), data)


def _histogram(labels: dict[str, str], of: Distribution, began: int, now: int) -> otel.HistogramDataPoint:
    return otel.HistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=began,
        time_unix_nano=now,
        count=of.cumulative[-1],
        sum=of.sum,
        bucket_counts=[*of.counts],
        explicit_bounds=[*of.bounds],
        min=None,  # type: ignore[arg-type]  # optional in the protocol: it is not kept
        max=None,  # type: ignore[arg-type]
    )


def _of_process(began: int, now: int) -> Iterator[otel.Metric]:
    """Processor time, memory and descriptors, under the names that Prometheus's clients share."""
    for family in process_families():
        for it in family.samples:
            points = [otel.NumberDataPoint({}, began, now, float(it.value))]
            counts = family.type == "counter"
            data = otel.Sum(points, _CUMULATIVE, is_monotonic=True) if counts else otel.Gauge(points)
            yield otel.Metric(it.name, family.documentation, _unit(it.name), data)


def _unit(name: str) -> str:
    return next((unit for word, unit in _UNITS.items() if word in name.split("_")[-2:]), "")
