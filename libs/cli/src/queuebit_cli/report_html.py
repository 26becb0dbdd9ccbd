"""A cost report as one HTML file without scripts and without other files, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from html import escape
from typing import Final

from queuebit.text import csv_text
from queuebit_cli.report_data import Chart, Report, Section, shown

__all__ = ["LEFT", "report_csv", "report_html"]

_OF_ROWS = ("day", "hour", "tenant", "team", "user", "backend", "tag", "category", "label", "digest")
LEFT: Final = frozenset((*_OF_ROWS, "currency", "kind", "reasons", "text"))
"""Columns of text; all others are numbers."""

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1b1f24; --note: #57606a; --line: #d8dee4; --bar: #2f6fb3; --page: #fff; }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --note: #9198a1; --line: #3d444d; --bar: #4c8fd6; --page: #0d1117; }
}
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .2rem; }
p { color: var(--note); margin: .2rem 0 .6rem; }
div.table, div.chart { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
td.text { white-space: normal; } th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
th { color: var(--note); font-weight: 600; }
svg { width: 100%; min-width: 45rem; height: auto; margin: .4rem 0; } svg line { stroke: var(--note); }
svg text { font: 12px system-ui, sans-serif; fill: var(--text); } svg rect { fill: var(--bar); }
@media print { svg { min-width: 0; }
  body { margin: 0; max-width: none; } h2, svg, tr { break-inside: avoid; } h2 { break-after: avoid; } }
"""
_WIDTH, _ROW, _LABELS, _FIGURES = 900, 24, 220, 130
_COLUMNS_HEIGHT = 180


def report_html(report: Report) -> str:
    """The file; text that people chose is escaped."""
    period = f"{report.period.since:%Y-%m-%d} to {report.period.until:%Y-%m-%d} (not included), UTC"
    body = "".join(_section(it) for it in report.sections) or "<p>There are no charges in this period.</p>"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(report.title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{escape(report.title)}</h1>"
        f"<p>{period}. Made at {report.made_at:%Y-%m-%d %H:%M} UTC. List prices; amounts have at most six decimal "
        f"places here, and all of them as CSV.</p>{body}</body></html>\n"
    )


def report_csv(report: Report) -> str:
    """Every value as a row of its own: section, number of the row, column, value. Amounts are exact."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("period", "tenant", "section", "row", "column", "value"))
    for section in report.sections:
        for number, row in enumerate(section.rows, 1):
            for column, value in zip(section.columns, row, strict=True):
                cell = csv_text(value) if column in LEFT else value
                writer.writerow((report.period.name, report.tenant, section.title, number, column, cell))
    return text.getvalue()


def _section(section: Section) -> str:
    charts = "".join(_columns(it) if it.by_time else _bars(it) for it in section.charts)
    head = "".join(f'<th class="{_kind(it)}">{escape(it.replace("_", " "))}</th>' for it in section.columns)
    rows = "".join(
        "<tr>" + "".join(_cell(*it) for it in zip(section.columns, row, strict=True)) + "</tr>" for row in section.rows
    )
    return (
        f"<h2>{escape(section.title)}</h2><p>{escape(section.note)}</p>{charts}"
        f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _kind(column: str) -> str:
    return "text" if column in LEFT else "number"


def _cell(column: str, value: str) -> str:
    return f'<td class="{_kind(column)}">{escape(value if column in LEFT else shown(value))}</td>'


def _scale(chart: Chart) -> Decimal:
    return max([amount for _, amount in chart.bars if amount > 0], default=Decimal(1))


def _bars(chart: Chart) -> str:
    """Horizontal bars, from the largest to the smallest; what is not above 0 has no bar."""
    room, largest = _WIDTH - _LABELS - _FIGURES, _scale(chart)
    parts = []
    for number, (label, amount) in enumerate(chart.bars):
        y, wide = number * _ROW, float(max(amount, Decimal(0)) / largest) * room
        name = label if len(label) <= 30 else f"{label[:29]}…"
        parts.append(
            f'<text x="{_LABELS - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LABELS}" y="{y + 4}" width="{wide:.1f}" height="{_ROW - 8}"/>'
            f'<text x="{_LABELS + wide + 6:.1f}" y="{y + 16}">{shown(amount)} {escape(chart.currency)}</text>'
        )
    return _svg(len(chart.bars) * _ROW, f"amounts in {chart.currency}", parts)


def _columns(chart: Chart) -> str:
    """Vertical bars in time; their labels only where there is room."""
    largest, step = _scale(chart), _WIDTH / max(len(chart.bars), 7)
    every = max(1, round(80 / step))
    return _svg(_COLUMNS_HEIGHT + 34, f"amounts by day in {chart.currency}", _column_parts(chart, largest, step, every))


def _column_parts(chart: Chart, largest: Decimal, step: float, every: int) -> Iterator[str]:
    yield f'<text x="0" y="10">{shown(largest)} {escape(chart.currency)}</text>'
    for number, (label, amount) in enumerate(chart.bars):
        high = float(max(amount, Decimal(0)) / largest) * (_COLUMNS_HEIGHT - 16)
        x, y = number * step, _COLUMNS_HEIGHT - high
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(step - 3, 1):.1f}" height="{high:.1f}">'
            f"<title>{escape(label)}: {shown(amount)} {escape(chart.currency)}</title></rect>"
        )
        if number % every == 0:
            x, anchor = (x, "start") if x < _WIDTH - 80 else (x + step - 3, "end")
            yield f'<text x="{x:.1f}" y="{_COLUMNS_HEIGHT + 18}" text-anchor="{anchor}">{escape(label)}</text>'
    yield f'<line x1="0" y1="{_COLUMNS_HEIGHT}" x2="{_WIDTH}" y2="{_COLUMNS_HEIGHT}"/>'


def _svg(height: int, name: str, parts: Iterator[str] | list[str]) -> str:
    return (
        f'<div class="chart"><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(name)}">{"".join(parts)}</svg></div>'
    )
