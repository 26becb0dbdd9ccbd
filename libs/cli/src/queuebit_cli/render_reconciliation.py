"""Reconciliations as tables, CSV and JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from queuebit.text import csv_text
from queuebit_cli.tables import Row

if TYPE_CHECKING:
    from queuebit_reconciliation import Finding, Outcome
    from queuebit_stack.reconciling import StatedCost

__all__ = ["advice", "as_csv", "cost_documents", "cost_rows", "costs_as_csv", "document", "rows", "summary"]

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_END = "\r\n"
"""The writer quotes a cell that has one of these characters."""
_COLUMNS = ("kind", "line", "vendor_job", "product", "tenant", "job", "billed", "own", "difference", "currency")


def rows(outcome: Outcome, *, everything: bool) -> list[Row]:
    """A row for each finding, worst first; those that are equal only on request."""
    accurate = ("match", "rounding")
    return [
        {
            "kind": str(it.kind),
            "lines": _numbers(it),
            "job": ", ".join(f"{charge.tenant}/{charge.job}" for charge in it.charges[:2]) + _more(it.charges),
            "vendor's job": ", ".join(dict.fromkeys(line.vendor_job for line in it.lines if line.vendor_job)),
            "billed": _money(it.billed),
            "charged": _money(it.own),
            "difference": _money(it.differences),
        }
        for it in outcome.findings
        if everything or it.kind not in accurate
    ]


def summary(outcome: Outcome) -> str:
    """The bill, and its accuracy."""
    bill = outcome.bill
    share = f"{outcome.accurate} of {outcome.compared}"
    percent = f" ({Decimal(100) * outcome.accurate / outcome.compared:.2f} %)" if outcome.compared else ""
    skipped = f", {_lines(bill.skipped)} of other products left out" if bill.skipped else ""
    return (
        f"{bill.vendor} {bill.start:%Y-%m-%d} to {bill.end:%Y-%m-%d}: {_lines(len(bill.lines))}{skipped}; "
        f"{share}{percent} equal to the cent"
    )


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"


def advice(outcome: Outcome) -> Iterator[str]:
    """What each kind that occurs means, and what to do."""
    from queuebit_reconciliation import ADVICE

    for kind, text in ADVICE.items():
        if kind != "match" and (found := outcome.of(kind)):
            yield f"{kind} ({len(found)}): {text}"


def document(outcome: Outcome, *, sequence: int) -> dict[str, Any]:
    """The whole comparison as JSON; amounts are texts."""
    bill = outcome.bill
    return {
        "vendor": bill.vendor,
        "statement": bill.statement,
        "digest": bill.digest,
        "from": bill.start,
        "to": bill.end,
        "lines": len(bill.lines),
        "skipped": bill.skipped,
        "compared": outcome.compared,
        "accurate": outcome.accurate,
        "sequence": sequence or None,
        "findings": [
            {
                "kind": str(it.kind),
                "lines": [line.number for line in it.lines],
                "vendor_jobs": list(dict.fromkeys(line.vendor_job for line in it.lines if line.vendor_job)),
                "jobs": [{"tenant": charge.tenant, "job": charge.job} for charge in it.charges],
                "billed": {name: format(value, "f") for name, value in it.billed.items()},
                "own": {name: format(value, "f") for name, value in it.own.items()},
                "difference": {name: format(value, "f") for name, value in it.differences.items()},
            }
            for it in outcome.findings
        ],
    }


def as_csv(outcome: Outcome) -> Iterator[str]:
    """A row for each line of the bill and each charge. The difference is that of its finding, on its first row."""
    yield _line(_COLUMNS)
    for it in outcome.findings:
        apart = {name: format(value, "f") for name, value in it.differences.items()}
        for line in it.lines:
            amount, gap = format(line.amount, "f"), apart.pop(line.currency, "")
            yield _line(
                (it.kind, str(line.number), line.vendor_job, line.product, "", "", amount, "", gap, line.currency)
            )
        for charge in it.charges:
            amount, gap = format(charge.amount, "f"), apart.pop(charge.currency, "")
            yield _line((it.kind, "", "", "", charge.tenant, charge.job, "", amount, gap, charge.currency))


def cost_rows(costs: Sequence[StatedCost]) -> list[Row]:
    """What vendors state beside what we charged."""
    return [
        {
            "vendor": it.vendor,
            "period": it.period,
            "stated": _money({it.currency: it.billed}),
            "charged": _money({it.currency: it.own}),
            "difference": _money({it.currency: it.difference}),
            "jobs": it.jobs,
            "changed": it.changed_at,
        }
        for it in costs
    ]


def cost_documents(costs: Sequence[StatedCost]) -> list[Row]:
    """The same as JSON; amounts are texts."""
    return [
        {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in it._asdict().items()}
        for it in costs
    ]


def costs_as_csv(costs: Sequence[StatedCost]) -> Iterator[str]:
    """The same as CSV."""
    yield _line(("vendor", "period", "currency", "billed", "own", "difference", "jobs", "changed_at"))
    for it in cost_documents(costs):
        yield _line(tuple(map(str, it.values())))


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=_END).writerow(it if _NUMBER.fullmatch(it) else csv_text(it) for it in cells)
    return out.getvalue().removesuffix(_END)


def _numbers(finding: Finding) -> str:
    return ", ".join(str(it.number) for it in finding.lines[:4]) + (" …" if len(finding.lines) > 4 else "")


def _more(found: tuple[object, ...]) -> str:
    return f" and {len(found) - 2} more" if len(found) > 2 else ""


def _money(amounts: dict[str, Decimal]) -> str:
    from queuebit_cli.tables import amount

    return ", ".join(amount(format(value, "f"), name) for name, value in amounts.items())
