"""Service level objectives: OpenSLO documents, compiled to SQL and to Prometheus rules, and judged exactly. Pure."""

from queuebit_slo.burn import Release, budget, budget_by_day, burn_rate, judge, release
from queuebit_slo.documents import digest, objectives_of, parse, parse_all, shipped
from queuebit_slo.model import Budget, BurnAlert, Counts, Objective, Verdict, default_alerts
from queuebit_slo.prometheus import rules
from queuebit_slo.sql import Query, counted, counts_of, group_of, history, of_tenant, quantile, query
from queuebit_slo.times import shorthand

__all__ = [
    "Budget",
    "BurnAlert",
    "Counts",
    "Objective",
    "Query",
    "Release",
    "Verdict",
    "budget",
    "budget_by_day",
    "burn_rate",
    "counted",
    "counts_of",
    "default_alerts",
    "digest",
    "group_of",
    "history",
    "judge",
    "objectives_of",
    "of_tenant",
    "parse",
    "parse_all",
    "quantile",
    "query",
    "release",
    "rules",
    "shipped",
    "shorthand",
]
