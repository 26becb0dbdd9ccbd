"""What `qb ci` prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from queuebit_ci.model import CircuitReport, Report
from queuebit_cli.output import Output
from queuebit_cli.tables import Row, wrapped

__all__ = ["check_lines", "circuit_rows"]


def circuit_rows(report: Report) -> Sequence[Row]:
    """A row for each circuit, with what it was before where that differs."""
    return [_row(it) for it in report.circuits]


def check_lines(report: Report, out: Output) -> Iterator[str]:
    """What failed, what could not be checked, and how."""
    failures = [(path, it) for path, it in report.everything() if it.state == "failed"]
    if failures:
        yield ""
    for path, it in failures:
        place = f"{path}:{it.line}" if it.line else path
        yield from wrapped(f"{place or 'all circuits'}: {it.text}", out.room, "")
    for text in sorted({f"{it.rule} {it.text}" for _, it in report.everything() if it.state == "skipped"}):
        yield from wrapped(text, out.room, "")
    yield ""
    if report.baseline:
        yield f"compared with {report.baseline}"
    if report.tested:
        rate = f"at most one false alarm in {1 / report.alpha:,.0f} runs"
        yield f"{report.tested} distribution{'s' * (report.tested != 1)} tested, {rate}"
    if report.charged is not None:
        yield f"paid {report.charged}"
    verdict = out.paint("failed", "bad") if report.failed else out.paint("passed", "good")
    passed = sum(not it.failed for it in report.circuits)
    checked = f"{passed} of {len(report.circuits)} circuits passed"
    yield f"{verdict}: {checked if report.circuits else 'no circuit changed, or the policy names none'}"


def _row(circuit: CircuitReport) -> Row:
    plan, before, run = circuit.plan, circuit.before, circuit.run
    cells = ("cost", "esp", "depth", "two_qubit_gates")
    shown = {name: _cell(getattr(plan, name, None), getattr(before, name, None)) for name in cells}
    return {
        "circuit": circuit.path,
        "backend": plan.backend if plan else None,
        "costs up to": shown["cost"],
        "success": shown["esp"],
        "depth": shown["depth"],
        "2q gates": shown["two_qubit_gates"],
        "p value": f"{run.comparison.p_value:.2g}" if run else None,
        "fidelity": f"{run.fidelity:.2%}" if run else None,
        "result": "failed" if circuit.failed else "ok",
    }


def _cell(now: object, before: object) -> str | None:
    if now is None:
        return None
    return _text(now) if before in (None, now) else f"{_text(before)} → {_text(now)}"


def _text(value: object) -> str:
    return f"{value:.2%}" if isinstance(value, float) else str(value)
