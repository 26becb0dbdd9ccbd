"""The report as JSON; fields are only ever added."""

from __future__ import annotations

from dataclasses import asdict

from queuebit.documents import amount_document
from queuebit_ci.baseline import plan_document
from queuebit_ci.model import Check, CircuitReport, Report, Run

__all__ = ["report_document"]


def report_document(report: Report) -> dict[str, object]:
    """The whole report."""
    return {
        "version": 1,
        "result": "failed" if report.failed else "passed",
        "offline": report.offline,
        "baseline": report.baseline,
        "alpha": report.alpha,
        "tested": report.tested,
        "charged": amount_document(report.charged),
        "checks": [_check(it) for it in report.checks],
        "circuits": [_circuit(it) for it in report.circuits],
    }


def _circuit(circuit: CircuitReport) -> dict[str, object]:
    return {
        "path": circuit.path,
        "digest": circuit.digest or None,
        "result": "failed" if circuit.failed else "passed",
        "plan": plan_document(circuit.plan),
        "before": plan_document(circuit.before),
        "run": None if circuit.run is None else _run(circuit.run),
        "checks": [_check(it) for it in circuit.checks],
    }


def _run(run: Run) -> dict[str, object]:
    return {
        "backend": run.backend,
        "job": run.job,
        "repeated": run.repeated,
        "charge": amount_document(run.charge),
        "shots": run.shots,
        "seed": run.seed,
        "counts": dict(run.counts),
        "fidelity": run.fidelity,
        "comparison": asdict(run.comparison),
    }


def _check(check: Check) -> dict[str, object]:
    found: dict[str, object] = {"rule": check.rule, "state": check.state, "text": check.text}
    return found if check.line is None else {**found, "line": check.line, "column": check.column}
