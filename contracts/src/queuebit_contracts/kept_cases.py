"""The table `kept_cases`: the cases of indicators that need many events, as their views had them when last asked.

Of most of them all cases are kept. A case of `telemetry-completeness` or of `preemption` is a job, and nearly all are
good: only the others are kept, and `case_sums` has the number of all. A job is good until it is found that it is not.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DROP_KEPT", "KEPT", "KEPT_BAD", "KEPT_WHOLE", "OUTDATED", "keep_cases", "newest"]

KEPT_WHOLE: Final = ("variance", "drift", "fairness", "noisy-neighbour")
"""Indicators of which all cases are kept: their cases are days and calibrations."""

KEPT_BAD: Final = ("telemetry-completeness", "preemption")
"""Indicators of which the cases are kept that are not good: their cases are the jobs that completed or failed."""

KEPT: Final = (*KEPT_WHOLE, *KEPT_BAD)

_FIELDS: Final = "tenant, project, workload_class, backend, vendor, at, good, total"


def keep_cases(indicator: str) -> str:
    """The statement that asks the view of an indicator and keeps its cases, as `keeping`."""
    view = "sli_" + indicator.replace("-", "_")
    bad = " WHERE found.good < found.total" if indicator in KEPT_BAD else ""
    return f"""
INSERT INTO kept_cases (indicator, keeping, {_FIELDS})
SELECT '{indicator}', {{keeping:UInt64}}, {_FIELDS} FROM (SELECT * FROM {view} AS found{bad})
UNION ALL
SELECT '{indicator}', {{keeping:UInt64}}, '', '', '', '', '', toDateTime64(0, 6, 'UTC'), toUInt64(0), toUInt64(0)
"""  # noqa: S608 - names of this module


def newest(indicator: str) -> str:
    """A condition on `kept_cases`: the rows of an indicator that it had when it was asked last."""
    own = f"indicator = '{indicator}'"
    return f"{own} AND keeping = (SELECT max(keeping) FROM kept_cases WHERE {own})"  # noqa: S608 - as above


OUTDATED: Final = """
SELECT DISTINCT partition_id
FROM system.parts
WHERE database = currentDatabase() AND table = 'kept_cases' AND active
    AND partition LIKE concat('(\\'', {indicator:String}, '\\',%')
    AND toUInt64OrZero(extract(partition, '(\\\\d+)\\\\)$')) < {keeping:UInt64}
"""
"""The partitions of an indicator that were kept before a keeping."""

DROP_KEPT: Final = "ALTER TABLE kept_cases DROP PARTITION ID {partition:String}"
"""Deletes a partition of `OUTDATED`."""
