"""What a card and a meter show: plain JSON for the widget, static HTML and text where no widget runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from queuebit import Result, Status
from queuebit.notebook import counts_html, described_html, escaped
from queuebit.text import visible
from queuebit_jupyter.ledger import Ledger

__all__ = ["View", "card_html", "card_text", "card_view", "meter_html", "meter_text", "meter_view"]

View = dict[str, Any]
"""Plain JSON, as a page receives it. It never holds a key or a token."""

_MOST_BARS = 16


def card_view(status: Status, result: Result | None = None) -> View:
    """A job as its card shows it."""
    begin = status.steps[0].at if status.steps else None
    return {
        "job": status.job,
        "label": visible(status.label),
        "state": status.state,
        "backend": status.backend or "",
        "project": status.project,
        "shots": status.shots,
        "charge": "" if status.charge is None else str(status.charge),
        "provisional": status.provisional,
        "sealed": status.sealed,
        "reasons": [visible(reason.text) for reason in status.reasons],
        "steps": [
            {
                "event": step.event,
                "detail": visible(step.detail),
                "seconds": 0.0 if begin is None else round((step.at - begin).total_seconds(), 3),
            }
            for step in status.steps
        ],
        **_bars({} if result is None else result.counts),
    }


def card_html(status: Status, result: Result | None = None) -> str:
    """A job for pages without widgets."""
    shown = {
        "label": status.label,
        "backend": status.backend,
        "shots": status.shots,
        "charge": _charge(status),
        "receipt": "sealed" if status.sealed else "not sealed yet",
        "reasons": "; ".join(reason.text for reason in status.reasons),
        "steps": ", ".join(step.event for step in status.steps),
    }
    counts = counts_html(result.counts) if result and result.counts else ""
    return described_html(f"{status.job} {status.state}", shown) + counts


def card_text(status: Status, result: Result | None = None) -> str:
    """A job in one line."""
    parts = [f"job {status.job}", status.state, status.backend or "", _charge(status)]
    if result and result.counts:
        ranked = _bars(result.counts)["bars"][:4]
        parts.append(", ".join(f"{bar['bits']}: {bar['count']}" for bar in ranked))
    return visible(" · ".join(part for part in parts if part))


def meter_view(ledger: Ledger) -> View:
    """The sum of a notebook as its meter shows it."""
    totals, cap = ledger.totals(), ledger.cap
    spent = None if cap is None else totals.get(cap.currency)
    share = None if cap is None else float(spent.amount / cap.amount) if spent and cap.amount else 0.0
    return {
        "totals": [str(total) for total in totals.values()] or ["nothing charged yet"],
        "jobs": len(ledger),
        "unbilled": len(ledger.unbilled),
        "cap": "" if cap is None else str(cap),
        "share": share,
    }


def meter_text(view: View) -> str:
    """The sum in one line."""
    jobs = f"{view['jobs']} job{'' if view['jobs'] == 1 else 's'}, {view['unbilled']} not billed yet"
    return f"{' + '.join(view['totals'])}{' of ' + view['cap'] if view['cap'] else ''} · {jobs}"


def meter_html(view: View) -> str:
    """The sum for pages without widgets."""
    return f"<strong>Cost of this notebook</strong> {escaped(meter_text(view))}"


def _charge(status: Status) -> str:
    if status.charge is None:
        return ""
    return f"{status.charge}{', until its usage is final' if status.provisional else ''}"


def _bars(counts: Mapping[str, int]) -> View:
    """The most frequent outcomes, and how many shots all others have."""
    total = sum(counts.values()) or 1
    ranked = sorted(counts.items(), key=lambda it: (-it[1], it[0]))
    bars = [{"bits": bits, "count": count, "share": count / total} for bits, count in ranked[:_MOST_BARS]]
    rest = ranked[_MOST_BARS:]
    return {"bars": bars, "more": len(rest), "more_shots": sum(count for _, count in rest)}
