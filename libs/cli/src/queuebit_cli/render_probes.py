"""Shows runs of probes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from queuebit_cli.tables import Row

if TYPE_CHECKING:
    from queuebit_probes.smoke import SmokeRun
    from queuebit_probes.verdicts import Verdict

__all__ = ["smoke_documents", "smoke_report", "smoke_rows", "verdict_document"]


def verdict_document(verdict: Verdict) -> Row:
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
    return [{"backend": it.backend, "circuit": it.circuit, **verdict_document(it.verdict)} for it in runs]


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
