"""What the owners of the platform look at: success, spend, promises, devices."""

from __future__ import annotations

from deploy.grafana.panels import dashboard, heat, lines, number, of_warehouse, rows, sql
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from queuebit_slo import shipped

__all__ = ["executive"]

_TABLE = 1
_TENANTS = "SELECT DISTINCT tenant FROM events WHERE type = 'qb.job.accepted.v1' AND tenant != '' ORDER BY tenant"
_CHOSEN = "$__timeFilter(at) AND tenant IN (${tenant:singlequote})"


def executive() -> board.Dashboard:
    """The dashboard."""
    return (
        dashboard(
            "Queuebit: executive",
            "queuebit-executive",
            "Usable results, spend by team, error budgets, calibrations.",
            since="now-30d",
            refresh="15m",
        )
        .with_variable(of_warehouse("tenant", "Team", _TENANTS))
        .with_panel(_success())
        .with_panel(_jobs())
        .with_panel(_spend())
        .with_panel(_fresh())
        .with_panel(_success_trend())
        .with_panel(_burn())
        .with_panel(_budgets())
        .with_panel(_devices())
        .with_panel(_errors())
        .with_panel(_heat())
    )


def _success() -> Builder[Panel]:
    return number(
        "Usable results",
        "Completed jobs whose result passed its quality check, of all jobs that completed or failed (`sli_success`).",
        sql(f"SELECT sum(good) / sum(total) AS success FROM sli_success WHERE {_CHOSEN} HAVING sum(total) > 0", _TABLE),
        unit="percentunit",
    )


def _jobs() -> Builder[Panel]:
    return number(
        "Jobs",
        "Jobs that completed or failed.",
        sql(f"SELECT sum(total) AS jobs FROM sli_success WHERE {_CHOSEN}", _TABLE),
    )


def _spend() -> Builder[Panel]:
    return rows(
        "Spend",
        "Charges with all corrections, by currency (`sli_burn`).",
        sql(
            f"""
            SELECT currency, toFloat64(sum(amount)) AS charged
            FROM sli_burn
            WHERE {_CHOSEN}
            GROUP BY currency
            ORDER BY currency
            """,
            _TABLE,
        ),
        width=6,
        height=5,
    )


def _fresh() -> Builder[Panel]:
    return number(
        "Fresh calibrations",
        "Jobs on quantum computers that started within 24 hours of their calibration (`sli_calibration_freshness`).",
        sql(
            f"""
            SELECT sum(good) / sum(total) AS fresh
            FROM sli_calibration_freshness
            WHERE {_CHOSEN}
            HAVING sum(total) > 0
            """,
            _TABLE,
        ),
        unit="percentunit",
    )


def _success_trend() -> Builder[Panel]:
    return lines(
        "Success by class of work",
        "Usable results, of all jobs that completed or failed.",
        sql(f"""
            SELECT $__timeInterval(at) AS time, workload_class AS class, sum(good) / sum(total) AS success
            FROM sli_success
            WHERE {_CHOSEN}
            GROUP BY time, class
            ORDER BY time, class
            """),
        unit="percentunit",
        most=1,
    )


def _burn() -> Builder[Panel]:
    return lines(
        "Spend by team",
        "Charges of each day, with their corrections.",
        sql(f"""
            SELECT
                toDateTime(toStartOfDay(at)) AS time,
                concat(tenant, '/', project, ' ', currency) AS team,
                toFloat64(sum(amount)) AS charged
            FROM sli_burn
            WHERE {_CHOSEN}
            GROUP BY time, team
            ORDER BY time, team
            """),
        stacked=True,
    )


def _budgets() -> Builder[Panel]:
    """Of four shipped objectives, with the targets of this version; `qb slo budget` has those of a stack."""
    objectives = {it.name: it for it in shipped()}
    fast = f"total * (value_ms <= {objectives['queue-wait-p95'].threshold_ms})"
    chosen = (
        ("job-success", "sli_success", "good", "workload_class != 'experimental'"),
        ("queue-wait-p95", "sli_queue_wait", fast, "1"),
        ("retry", "sli_retry", "good", "1"),
        ("vendor-error", "sli_vendor_error", "good", "1"),
    )
    parts = "\nUNION ALL\n".join(
        f"SELECT '{name}' AS objective, tenant, sum({good}) AS good_cases, sum(total) AS cases, "
        f"{float(objectives[name].target)} AS target\n"
        f"FROM {view} WHERE {_CHOSEN} AND {where} GROUP BY tenant"
        for name, view, good, where in chosen
    )
    return rows(
        "Error budget left",
        "Of shipped objectives over the time of the dashboard: 1 is all, 0 is spent, below 0 is broken. "
        "`qb slo` has those of this stack.",
        sql(
            f"SELECT objective, tenant, cases, good_cases / cases AS actual, target,\n"
            f"    1 - (1 - actual) / (1 - target) AS budget_left\n"
            f"FROM (\n{parts}\n)\nWHERE cases > 0\nORDER BY budget_left, objective, tenant\nLIMIT 100",
            _TABLE,
        ),
    )


def _devices() -> Builder[Panel]:
    return rows(
        "Calibrations",
        "The newest calibration of each backend: its age and its median errors.",
        sql(
            """
            SELECT
                backend,
                dateDiff('hour', max(at), now()) AS age_hours,
                argMax(two_qubit, at) AS two_qubit_error,
                argMax(readout, at) AS readout_error,
                count() AS calibrations
            FROM (
                SELECT
                    backend,
                    parseDateTimeBestEffortOrNull(JSONExtractString(data, 'calibrated_at')) AS at,
                    JSONExtractFloat(data, 'median_two_qubit_error_ppm') / 1e6 AS two_qubit,
                    JSONExtractFloat(data, 'median_readout_error_ppm') / 1e6 AS readout
                FROM events
                WHERE type = 'qb.backend.calibrated.v1' AND stored_at <= $__toTime)
            WHERE at IS NOT NULL
            GROUP BY backend
            ORDER BY backend
            """,
            _TABLE,
        ),
    )


def _errors() -> Builder[Panel]:
    return lines(
        "Two-qubit error of the calibrations",
        "The median over the couplers of a backend, as its calibrations say it.",
        sql("""
            SELECT stored_at AS time, backend, JSONExtractFloat(data, 'median_two_qubit_error_ppm') / 1e6 AS error
            FROM events
            WHERE type = 'qb.backend.calibrated.v1' AND $__timeFilter(stored_at)
            ORDER BY time
            """),
        unit="percentunit",
        width=24,
    )


def _heat() -> Builder[Panel]:
    return heat(
        "Success by team and day",
        "Each cell is a team's share of usable results on a day; without a job it is empty.",
        sql(f"""
            SELECT toDateTime(toStartOfDay(at)) AS time, tenant, sum(good) / sum(total) AS success
            FROM sli_success
            WHERE {_CHOSEN}
            GROUP BY time, tenant
            ORDER BY time, tenant
            """),
        unit="percentunit",
    )
