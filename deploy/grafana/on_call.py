"""What a person on call looks at: what waits, what runs, what fails, and whether the platform itself works."""

from __future__ import annotations

from deploy.grafana.panels import dashboard, lines, number, of_metrics, promql, rows, sql
from deploy.grafana.service_panels import service_panels
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

__all__ = ["on_call"]

_TABLE = 1


def on_call() -> board.Dashboard:
    """The dashboard."""
    found = (
        dashboard(
            "Queuebit: on call",
            "queuebit-on-call",
            "Queue, running and failed jobs, vendors, incidents, and the services of the platform.",
            since="now-3h",
            refresh="30s",
        )
        .with_variable(of_metrics("service", "Service", "label_values(queuebit_ready, service)"))
        .with_row(board.Row("Jobs"))
        .with_panel(_waiting())
        .with_panel(_running())
        .with_panel(_failed_now())
        .with_panel(_alerts())
        .with_panel(_queue())
        .with_panel(_ends())
        .with_panel(_failing_circuits())
        .with_panel(_reasons())
        .with_row(board.Row("Vendors and incidents"))
        .with_panel(_vendors())
        .with_panel(_incidents())
        .with_panel(_silent())
        .with_panel(_slots())
        .with_row(board.Row("Services"))
    )
    for panel in service_panels():
        found = found.with_panel(panel)
    return found


def _waiting() -> Builder[Panel]:
    return number(
        "Jobs waiting",
        "Accepted jobs without a place.",
        promql("sum(queuebit_jobs_waiting)"),
        limits=[(1_000, "orange"), (10_000, "red")],
    )


def _running() -> Builder[Panel]:
    return number("Jobs with a place", "Placed and not ended.", promql("sum(queuebit_jobs_outstanding)"))


def _failed_now() -> Builder[Panel]:
    return number(
        "Failed jobs, one hour",
        "Jobs that failed in the last hour.",
        promql('sum(increase(queuebit_events_appended_total{type="qb.job.failed.v1"}[1h])) or vector(0)'),
        limits=[(1, "orange")],
    )


def _alerts() -> Builder[Panel]:
    return number(
        "Alerts that fire",
        "Silenced ones too; `qb alerts` lists them.",
        promql("max(queuebit_alerts_firing)"),
        limits=[(1, "red")],
    )


def _queue() -> Builder[Panel]:
    return lines(
        "Queue length",
        "Jobs without a place, and placed jobs of each backend.",
        promql("sum(queuebit_jobs_waiting)", "waiting"),
        promql("sum by (backend) (queuebit_backend_jobs)", "placed on {{backend}}"),
    )


def _ends() -> Builder[Panel]:
    ends = 'type=~"qb.job.(completed|failed|rejected|cancelled).v1"'
    return lines(
        "Ends of jobs, each second",
        "By kind of end.",
        promql(f"sum by (type) (rate(queuebit_events_appended_total{{{ends}}}[$__rate_interval]))", "{{type}}"),
        unit="ops",
    )


def _failing_circuits() -> Builder[Panel]:
    return rows(
        "Circuits that fail most",
        "Failed jobs by circuit and backend.",
        sql(
            """
            WITH circuits AS (
                SELECT tenant, job, argMax(JSONExtractString(data, 'circuit'), seq) AS circuit
                FROM events
                WHERE type = 'qb.job.accepted.v1'
                GROUP BY tenant, job)
            SELECT
                substring(whose.circuit, 8, 12) AS circuit,
                ended.tenant AS tenant,
                ended.backend AS backend,
                countIf(ended.type = 'qb.job.failed.v1') AS failed,
                count() AS jobs,
                arrayStringConcat(groupUniqArrayArray(3)(ended.reasons), ', ') AS reason
            FROM events AS ended FINAL
            INNER JOIN circuits AS whose ON whose.tenant = ended.tenant AND whose.job = ended.job
            WHERE ended.type IN ('qb.job.completed.v1', 'qb.job.failed.v1') AND $__timeFilter(ended.stored_at)
            GROUP BY whose.circuit, ended.tenant, ended.backend
            HAVING failed > 0
            ORDER BY failed DESC, jobs, circuit
            LIMIT 20
            """,
            _TABLE,
        ),
    )


def _reasons() -> Builder[Panel]:
    return rows(
        "Failed jobs",
        "The newest, with the code of their reason.",
        sql(
            """
            SELECT event_time AS ended, tenant, job, backend, arrayStringConcat(reasons, ', ') AS reason
            FROM events FINAL
            WHERE type = 'qb.job.failed.v1' AND $__timeFilter(stored_at)
            ORDER BY seq DESC
            LIMIT 100
            """,
            _TABLE,
        ),
    )


def _vendors() -> Builder[Panel]:
    return rows(
        "Vendors",
        "Jobs that ended, and those that an error of the vendor failed (`sli_vendor_error`).",
        sql(
            """
            SELECT
                vendor, backend, sum(total) AS jobs, sum(total - good) AS vendor_errors,
                arrayStringConcat(groupUniqArrayIf(3)(cause, cause != ''), ', ') AS causes, max(at) AS last_end
            FROM sli_vendor_error
            WHERE $__timeFilter(at)
            GROUP BY vendor, backend
            ORDER BY vendor_errors DESC, vendor, backend
            """,
            _TABLE,
        ),
    )


def _incidents() -> Builder[Panel]:
    return rows(
        "Incidents that are not over",
        "From the log; `qb incident show ID` has the rest.",
        sql(
            """
            SELECT
                JSONExtractString(data, 'incident') AS incident,
                argMinIf(JSONExtractString(data, 'title'), seq, type = 'qb.incident.opened.v1') AS title,
                min(event_time) AS opened,
                maxIf(JSONExtractString(data, 'by'), type = 'qb.incident.acknowledged.v1') AS acknowledged_by
            FROM events
            WHERE type IN (
                'qb.incident.opened.v1', 'qb.incident.joined.v1', 'qb.incident.reopened.v1', 'qb.incident.resolved.v1',
                'qb.incident.acknowledged.v1')
            GROUP BY incident
            HAVING maxIf(seq, type = 'qb.incident.resolved.v1')
                < maxIf(seq, type IN ('qb.incident.opened.v1', 'qb.incident.reopened.v1'))
            ORDER BY opened DESC
            LIMIT 50
            """,
            _TABLE,
        ),
    )


def _silent() -> Builder[Panel]:
    return lines(
        "Backends whose executor does not answer",
        "1: the scheduler counts the executor as stopped, and places nothing there.",
        promql("max by (backend) (queuebit_backend_silent)", "{{backend}}"),
        most=1,
    )


def _slots() -> Builder[Panel]:
    return lines(
        "Load of the backends",
        "Placed jobs for each slot; above 1, jobs wait in the queue of the backend.",
        promql("max by (backend) (queuebit_backend_jobs) / max by (backend) (queuebit_backend_slots)", "{{backend}}"),
    )
