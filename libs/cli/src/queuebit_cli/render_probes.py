"""Shows runs of probes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from queuebit_cli.tables import Row

if TYPE_CHECKING:
    from queuebit_probes.smoke import SmokeRun
    from queuebit_probes.verdicts import Verdict

__all__ = ["NEWEST", "probe_rows", "run_rows", "smoke_documents", "smoke_report", "smoke_rows"]

NEWEST: Final = """
SELECT
    JSONExtractString(data, 'probe') AS probe, backend, JSONExtractString(data, 'circuit') AS circuit,
    JSONExtractString(data, 'state') AS state, JSONExtractString(data, 'text') AS text,
    JSONExtractString(data, 'job') AS job, toString(event_time) AS at,
    state NOT IN ('below', 'failed') AS good
FROM events FINAL
WHERE type = 'qb.probe.judged.v1'
ORDER BY probe, backend, seq DESC
LIMIT 1 BY probe, backend
"""
"""The last finding of each probe and backend: a clock that was ahead does not hide later ones."""


def probe_rows(rows: Sequence[Row]) -> list[Row]:
    """Findings for people."""
    shown = ("probe", "backend", "state", "text", *(["at"] if rows and "at" in rows[0] else []))
    return [{"found" if name == "text" else name: row[name] for name in shown} for row in rows]


def run_rows(wanted: Sequence[tuple[str, str]], verdicts: Sequence[Verdict]) -> list[dict[str, object]]:
    """Runs by hand, for programs."""
    return [
        {"probe": name, "backend": backend, "good": it.good, **_document(it)}
        for (name, backend), it in zip(wanted, verdicts, strict=True)
    ]


def _document(verdict: Verdict) -> Row:
    """A verdict for programs."""
    it = verdict.comparison
    return {
        "state": verdict.state,
        "text": verdict.text,
        "job": verdict.job,
        "fidelity": it.fidelity if it else None,
        "at_most": it.at_most if it else None,
        "shots": it.shots if it else None,
    }


def smoke_documents(runs: Sequence[SmokeRun]) -> list[Row]:
    """The runs for programs."""
    return [{"backend": it.backend, "circuit": it.circuit, **_document(it.verdict)} for it in runs]


def smoke_rows(runs: Sequence[SmokeRun]) -> list[Row]:
    """The runs for people."""
    return [
        {
            "backend": it.backend,
            "circuit": it.circuit,
            "result": "ok" if it.passed else it.verdict.state,
            "found": it.verdict.text,
        }
        for it in runs
    ]


def smoke_report(runs: Sequence[SmokeRun]) -> str:
    """The runs as JUnit XML: a test suite for each backend, a test case for each circuit."""
    from queuebit_ci.junit import junit
    from queuebit_ci.model import Check, CircuitReport, Report

    backends = [
        CircuitReport(
            backend,
            "",
            tuple(Check(it.circuit, "passed" if it.passed else "failed", it.verdict.text) for it in mine),
        )
        for backend, mine in groupby(runs, key=lambda it: it.backend)
    ]
    return junit(Report(tuple(backends)))
