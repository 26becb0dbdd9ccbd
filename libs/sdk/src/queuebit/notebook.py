"""HTML for notebooks. Everything is escaped: labels and reasons come from other users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from queuebit.text import visible

__all__ = ["counts_html", "described_html", "escaped", "table_html"]

_MOST = 20
"""The most outcomes shown; a result may have a million."""


def escaped(value: object) -> str:
    """Any value as escaped HTML text."""
    return "" if value is None else escape(visible(str(value)))


def table_html(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a table; columns in order of appearance."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escaped(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(row.get(name))}</td>' for name in names)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def counts_html(counts: Mapping[str, int]) -> str:
    """The most frequent outcomes with a bar each."""
    total = sum(counts.values()) or 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [
        f"<tr><td><code>{escaped(bits)}</code></td><td>{count}</td>"
        f'<td><meter min="0" max="1" value="{count / total:.4f}"></meter> {count / total:.1%}</td></tr>'
        for bits, count in ranked[:_MOST]
    ]
    if rest := ranked[_MOST:]:
        lines.append(f"<tr><td>{len(rest)} more</td><td>{sum(count for _, count in rest)}</td><td></td></tr>")
    head = "<tr><th>bits</th><th>count</th><th>share</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>"


def described_html(title: str, fields: Mapping[str, object]) -> str:
    """A title, and the fields that have a value."""
    shown = {name: value for name, value in fields.items() if value not in (None, "", ())}
    rows = "".join(f"<tr><th>{escaped(name)}</th><td>{escaped(value)}</td></tr>" for name, value in shown.items())
    return f"<strong>{escaped(title)}</strong><table><tbody>{rows}</tbody></table>"
