"""What a developer or a physicist looks at: one trace, calibrations over time, simulators beside devices, logs."""

from __future__ import annotations

from deploy.grafana.panels import dashboard, lines, of_warehouse, rows, sql, tail, textbox
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

__all__ = ["debug"]

_TABLE, _LOGS = 1, 2
_BACKENDS = "SELECT DISTINCT backend FROM events WHERE type = 'qb.backend.registered.v1' ORDER BY backend"
_CALIBRATED = "type = 'qb.backend.calibrated.v1' AND backend IN (${backend:singlequote}) AND $__timeFilter(stored_at)"

_FIDELITIES = """
WITH
    kinds AS (
        SELECT backend, argMax(JSONExtractString(data, 'kind'), seq) AS kind
        FROM events
        WHERE type = 'qb.backend.registered.v1'
        GROUP BY backend),
    circuits AS (
        SELECT tenant, job, argMax(JSONExtractString(data, 'circuit'), seq) AS circuit
        FROM events
        WHERE type = 'qb.job.accepted.v1'
        GROUP BY tenant, job),
    pools AS (
        SELECT
            ran.tenant AS tenant, whose.circuit AS circuit, ran.backend AS backend, sort.kind AS kind,
            count() AS jobs,
            sumMap(JSONExtract(
                JSONExtractString(ran.data, 'result', 'inline'), 'Map(String, UInt64)')) AS counts,
            toFloat64(arraySum(mapValues(counts))) AS shots
        FROM events AS ran FINAL
        INNER JOIN circuits AS whose ON whose.tenant = ran.tenant AND whose.job = ran.job
        LEFT ANY JOIN kinds AS sort ON sort.backend = ran.backend
        WHERE ran.type = 'qb.job.completed.v1' AND $__timeFilter(ran.stored_at)
            AND JSONExtractString(ran.data, 'result', 'media_type') = 'application/json'
        GROUP BY tenant, circuit, backend, kind
        HAVING shots > 0)
SELECT
    device.tenant AS tenant,
    substring(device.circuit, 8, 12) AS circuit,
    device.backend AS backend,
    ideal.backend AS simulator,
    device.jobs AS jobs,
    toUInt64(device.shots) AS shots,
    pow(arraySum(
        it -> sqrt(device.counts[it] / device.shots * ideal.counts[it] / ideal.shots),
        mapKeys(device.counts)), 2) AS fidelity
FROM pools AS device
INNER JOIN pools AS ideal ON ideal.tenant = device.tenant AND ideal.circuit = device.circuit
WHERE ideal.kind = 'simulator' AND device.kind != 'simulator' AND device.backend IN (${backend:singlequote})
ORDER BY fidelity, tenant, circuit, backend
LIMIT 100
"""
"""The fidelity of each circuit on each device to its distribution on a simulator."""


def debug() -> board.Dashboard:
    """The dashboard."""
    return (
        dashboard(
            "Queuebit: debug",
            "queuebit-debug",
            "One job's events and spans, calibrations over time, simulators beside devices, and lines of the logs.",
            since="now-24h",
        )
        .with_variable(textbox("job", "Job"))
        .with_variable(textbox("trace", "Trace"))
        .with_variable(of_warehouse("backend", "Backend", _BACKENDS))
        .with_row(board.Row("One job"))
        .with_panel(_events())
        .with_panel(_spans())
        .with_panel(_slowest())
        .with_panel(_span_errors())
        .with_row(board.Row("Backends"))
        .with_panel(_calibrated_error("Two-qubit error", "median_two_qubit_error_ppm"))
        .with_panel(_calibrated_error("Readout error", "median_readout_error_ppm"))
        .with_panel(_drift())
        .with_panel(_fidelities())
        .with_row(board.Row("Logs"))
        .with_panel(_tail())
    )


def _events() -> Builder[Panel]:
    return rows(
        "Events of the job",
        "In the order of the log. The trace is the second part of `traceparent`.",
        sql(
            """
            SELECT seq, stored_at, type, source, backend, traceparent, provenanceid, data
            FROM events FINAL
            WHERE job = ${job:singlequote} AND job != ''
            ORDER BY seq
            LIMIT 200
            """,
            _TABLE,
        ),
        width=24,
    )


def _spans() -> Builder[Panel]:
    return rows(
        "Trace",
        "The spans of the trace or, without one, of the job: every hop, with its time.",
        sql(
            """
            SELECT
                Timestamp AS began, Duration / 1e6 AS ms, ServiceName AS service, SpanName AS span,
                StatusCode AS status, StatusMessage AS message, TraceId AS trace, SpanId AS id, ParentSpanId AS parent
            FROM otel_traces FINAL
            WHERE (TraceId = ${trace:singlequote} AND TraceId != '')
                OR (${trace:singlequote} = '' AND ${job:singlequote} != ''
                    AND SpanAttributes['queuebit.job'] = ${job:singlequote})
            ORDER BY Timestamp
            LIMIT 1000
            """,
            _TABLE,
        ),
        width=24,
    )


def _slowest() -> Builder[Panel]:
    return rows(
        "Slowest kinds of spans",
        "By the 95th percentile.",
        sql(
            """
            SELECT
                ServiceName AS service, SpanName AS span, count() AS spans,
                quantile(0.5)(Duration) / 1e6 AS p50_ms, quantile(0.95)(Duration) / 1e6 AS p95_ms,
                countIf(StatusCode = 'Error') AS errors
            FROM otel_traces
            WHERE $__timeFilter(Timestamp)
            GROUP BY service, span
            ORDER BY p95_ms DESC
            LIMIT 20
            """,
            _TABLE,
        ),
    )


def _span_errors() -> Builder[Panel]:
    return rows(
        "Spans that failed",
        "The newest.",
        sql(
            """
            SELECT Timestamp AS at, ServiceName AS service, SpanName AS span, StatusMessage AS message, TraceId AS trace
            FROM otel_traces FINAL
            WHERE StatusCode = 'Error' AND $__timeFilter(Timestamp)
            ORDER BY Timestamp DESC
            LIMIT 100
            """,
            _TABLE,
        ),
    )


def _calibrated_error(title: str, field: str) -> Builder[Panel]:
    return lines(
        title,
        "Median of each calibration.",
        sql(f"""
            SELECT stored_at AS time, backend, JSONExtractFloat(data, '{field}') / 1e6 AS error
            FROM events
            WHERE {_CALIBRATED}
            ORDER BY time
            """),
        unit="percentunit",
    )


def _drift() -> Builder[Panel]:
    return rows(
        "Drift",
        "Changes over their limit, as `sli_drift` defines them: above 1 is drift.",
        sql(
            """
            SELECT at, backend, measure, part, value
            FROM sli_drift
            WHERE $__timeFilter(at) AND backend IN (${backend:singlequote}) AND value > 0.5
            ORDER BY value DESC
            LIMIT 50
            """,
            _TABLE,
        ),
    )


def _fidelities() -> Builder[Panel]:
    return rows(
        "Simulators beside devices",
        "Circuits that ran on a simulator and on another backend: the classical fidelity of their distributions of "
        "results, (sum of sqrt(p q))². Results within their event are compared, up to 16 KiB.",
        sql(_FIDELITIES, _TABLE),
    )


def _tail() -> Builder[Panel]:
    return tail(
        "Log lines",
        "Of the trace or the job if one is entered, else of all services.",
        sql(
            """
            SELECT
                Timestamp AS timestamp, concat(ServiceName, ': ', Body) AS body, SeverityText AS level,
                ServiceName, TraceId, LogAttributes AS labels
            FROM otel_logs
            WHERE $__timeFilter(Timestamp)
                AND (${trace:singlequote} = '' OR TraceId = ${trace:singlequote})
                AND (${job:singlequote} = '' OR LogAttributes['queuebit.job'] = ${job:singlequote})
            ORDER BY Timestamp DESC
            LIMIT 500
            """,
            _LOGS,
        ),
    )
