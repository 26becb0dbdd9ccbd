"""The report as Markdown, for a comment that each run replaces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from queuebit_ci.model import CircuitReport, Plan, Report

__all__ = ["MARKER", "markdown"]

MARKER = "<!-- queuebit-ci -->"
"""The first line of the comment, by which the next run finds it."""

_MOST = 60_000
"""Characters; the systems of code review take 65,536."""
_MOST_ROWS = 200
_NAMED = 5
"""Circuits that a note names."""
_HEAD = ("circuit", "cost up to", "success", "depth", "2q gates", "distribution", "result")
_NONE = "-"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$@!])")


def markdown(report: Report) -> str:
    """The report: a heading, one table with failures first, what failed, and how it was checked."""
    circuits = sorted(report.circuits, key=lambda it: not it.failed)
    lines = [MARKER, f"### Queuebit: {_verdict(report)}", ""]
    if circuits:
        lines += ["| " + " | ".join(_HEAD) + " |", "|---|--:|--:|--:|--:|---|---|"]
        lines += ["| " + " | ".join(_row(it)) + " |" for it in circuits[:_MOST_ROWS]]
        lines += [""]
    if len(circuits) > _MOST_ROWS:
        lines += [f"and {len(circuits) - _MOST_ROWS} more circuits: see the JSON report", ""]
    failures = [f"- {_named(path)}{_text(it.text)}" for path, it in report.everything() if it.state == "failed"]
    if failures:
        lines += ["**Failed**", "", *failures, ""]
    lines += [f"<sub>{it}</sub>  " for it in _method(report)]
    return _fitted("\n".join(lines).rstrip() + "\n")


def _verdict(report: Report) -> str:
    failed = sum(it.failed for it in report.circuits)
    if failed:
        return f"{failed} of {_circuits(len(report.circuits))} failed"
    if report.failed:
        return "the change failed"
    return f"{_circuits(len(report.circuits))} passed" if report.circuits else "no circuit changed"


def _circuits(number: int) -> str:
    return f"{number:,} circuit{'s' * (number != 1)}"


def _row(circuit: CircuitReport) -> Sequence[str]:
    plan, before = circuit.plan, circuit.before
    shown = (f"`{_code(circuit.path)}`", *_plan_cells(plan, before), _distribution(circuit))
    return (*shown, "❌ failed" if circuit.failed else "✅ passed")


def _plan_cells(plan: Plan | None, before: Plan | None) -> Iterator[str]:
    money = [None if it is None or it.cost is None else it.cost for it in (plan, before)]
    amounts = [None if it is None else float(it.amount) for it in money]
    yield _changed(amounts, [str(money[0]), "" if money[1] is None else money[1].text()])
    chances = [None if it is None else it.esp for it in (plan, before)]
    yield _changed(chances, [f"{it or 0:.2%}" for it in chances], relative=False)
    for name in ("depth", "two_qubit_gates"):
        numbers: list[float | None] = [None if it is None else getattr(it, name) for it in (plan, before)]
        yield _changed(numbers, [f"{it or 0:,}" for it in numbers])


def _changed(values: Sequence[float | None], texts: Sequence[str], *, relative: bool = True) -> str:
    """A value, with the one before it where that differs; both come with their texts, the present one first."""
    now, earlier = values
    if now is None:
        return _NONE
    if earlier is None or earlier == now:
        return texts[0]
    by = f" ({(now - earlier) / earlier:+.0%})" if relative and abs(now - earlier) >= earlier / 200 > 0 else ""
    return f"{texts[1]} → {texts[0]}{by}"


def _distribution(circuit: CircuitReport) -> str:
    if circuit.run is None:
        found = [it for it in circuit.checks if it.rule in ("run", "distribution")]
        return {"failed": "not run", "skipped": "not compared"}.get(found[0].state, _NONE) if found else _NONE
    return f"p = {circuit.run.comparison.p_value:.2g}, fidelity {circuit.run.fidelity:.2%}"


def _named(path: str) -> str:
    return f"`{_code(path)}`: " if path else ""


def _method(report: Report) -> Iterator[str]:
    backends = sorted({it.plan.backend for it in report.circuits if it.plan})
    if backends:
        yield f"Planned on {_text(', '.join(backends))}{' without a stack, so without prices' * report.offline}."
    if report.baseline:
        yield f"Compared with {_text(report.baseline)}."
    if report.tested:
        rate = f"{report.alpha:g} over all circuits of a run"
        yield f"Distributions: {report.tested} tested, false alarms at most {rate} (exact test, Holm's correction)."
    if report.charged is not None:
        yield f"This run paid {report.charged}."
    yield from _skipped(report)


def _skipped(report: Report) -> Iterator[str]:
    """What was not checked, once for all circuits of which the same is to be said."""
    circuits: dict[str, list[str]] = {}
    for path, it in report.everything():
        if it.state == "skipped":
            circuits.setdefault(f"{it.rule}: {it.text}", []).extend([path] if path else [])
    for text, paths in sorted(circuits.items()):
        named = ", ".join(f"`{_code(it)}`" for it in paths[:_NAMED])
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        yield _text(text[0].upper() + text[1:]) + (f" ({named}{more})" if named else "") + "."


def _text(text: str) -> str:
    """Text of other people, without meaning in Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("&", "&amp;")


def _code(text: str) -> str:
    """A path in code quotes inside a table."""
    return " ".join(text.split()).replace("`", "'").replace("|", "\\|")


def _fitted(text: str) -> str:
    if len(text) <= _MOST:
        return text
    return text[:_MOST].rpartition("\n")[0] + "\n\nThe rest is in the JSON report.\n"
