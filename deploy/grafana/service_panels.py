"""The panels of the services: ready, deliveries, handling, appends, lag, memory, processor time, log lines."""

from __future__ import annotations

from deploy.grafana.panels import lines, promql
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

__all__ = ["service_panels"]

_SERVICE = 'service=~"$service"'


def service_panels() -> list[Builder[Panel]]:
    """In their order on the dashboard; they need its variable `service`."""
    return [
        _ready(),
        _outcomes(),
        _handling(),
        _pending(),
        _append(),
        _behind(),
        _requests(),
        _memory(),
        _processor(),
        _log_lines(),
    ]


def _ready() -> Builder[Panel]:
    return lines(
        "Services that are ready",
        "1: its views have caught up and it takes messages.",
        promql(f"min by (service) (queuebit_ready{{{_SERVICE}}})", "{{service}}"),
        most=1,
    )


def _outcomes() -> Builder[Panel]:
    return lines(
        "Deliveries that were not simply handled, each second",
        "Delayed ones are tried again; a dead letter waits for a person: `qb doctor`.",
        promql(
            "sum by (durable, outcome) (rate("
            f'queuebit_messages_total{{{_SERVICE}, outcome!="handled"}}[$__rate_interval]))',
            "{{durable}}: {{outcome}}",
        ),
        unit="ops",
    )


def _handling() -> Builder[Panel]:
    return lines(
        "Handling of messages, 95th percentile",
        "From the delivery to its end.",
        promql(
            "histogram_quantile(0.95, sum by (le, durable) "
            f"(rate(queuebit_message_seconds_bucket{{{_SERVICE}}}[$__rate_interval])))",
            "{{durable}}",
        ).exemplar(True),
        unit="s",
    )


def _pending() -> Builder[Panel]:
    return lines(
        "Messages that wait",
        "As of the newest message of each durable.",
        promql(f"max by (durable) (queuebit_messages_pending{{{_SERVICE}}})", "{{durable}}"),
    )


def _append() -> Builder[Panel]:
    return lines(
        "Appends to the log, 99th percentile",
        "Until the log has stored an event and said so: the disk of NATS is in it.",
        promql(
            "histogram_quantile(0.99, sum by (le, service) "
            f"(rate(queuebit_append_seconds_bucket{{{_SERVICE}}}[$__rate_interval])))",
            "{{service}}",
        ),
        unit="s",
    )


def _behind() -> Builder[Panel]:
    return lines(
        "How far behind",
        "Messages that a service has not handled, and the age of the oldest event that is not in the warehouse.",
        promql(f"max by (service) (queuebit_behind_messages{{{_SERVICE}}})", "{{service}}: messages"),
        promql("max(queuebit_warehouse_lag_seconds)", "warehouse: seconds"),
    )


def _requests() -> Builder[Panel]:
    return lines(
        "Requests, each second",
        "Over the bus by route and outcome, and over HTTP by status.",
        promql(
            f"sum by (route, outcome) (rate(queuebit_requests_total{{{_SERVICE}}}[$__rate_interval]))",
            "{{route}}: {{outcome}}",
        ),
        promql(
            f"sum by (service, status) (rate(queuebit_http_requests_total{{{_SERVICE}}}[$__rate_interval]))",
            "{{service}}: {{status}}",
        ),
        unit="ops",
    )


def _memory() -> Builder[Panel]:
    return lines(
        "Memory",
        "Resident set of each process, without its children.",
        promql(f"sum by (service) (process_resident_memory_bytes{{{_SERVICE}}})", "{{service}}"),
        unit="bytes",
    )


def _processor() -> Builder[Panel]:
    return lines(
        "Processor time",
        "Cores that each process uses.",
        promql(f"sum by (service) (rate(process_cpu_seconds_total{{{_SERVICE}}}[$__rate_interval]))", "{{service}}"),
    )


def _log_lines() -> Builder[Panel]:
    return lines(
        "Warnings and errors in the logs, each second",
        "`qb logs SERVICE` has the lines.",
        promql(
            "sum by (service, level) (rate(queuebit_log_records_total{"
            f'{_SERVICE}, level=~"warning|error|critical"}}[$__rate_interval]))',
            "{{service}}: {{level}}",
        ),
        unit="ops",
        width=24,
    )
