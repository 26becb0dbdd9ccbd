"""Charges of a period as a file: as CSV, as JSON lines, or as FOCUS 1.2. Nothing is held in memory but a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from queuebit.focus import COLUMNS, focus_rows
from queuebit.text import csv_text

__all__ = ["FORMS", "MEDIA_TYPES", "AskBills", "exported"]

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "focus": "text/csv; charset=utf-8",
}
"""By the name of the form."""

FORMS: Final = tuple(MEDIA_TYPES)

_PAGE: Final = 200
_PLAIN: Final = (
    *("sequence", "at", "type", "project", "job", "session", "user", "label", "tags", "backend", "state"),
    *("amount", "currency", "jbu", "provisional", "reason", "price_book", "hybrid", "reservation"),
)
_OF_BILL: Final = ("project", "job", "session", "hybrid", "reservation", "backend", "state", "reason", "price_book")
_Bill = Mapping[str, Any]  # a row of the question `bills`

AskBills = Callable[..., Awaitable[Sequence[_Bill]]]
"""Asks the question `bills` with its fields."""


async def exported(ask: AskBills, form: str, **wanted: object) -> AsyncGenerator[bytes]:
    """Yield an export page by page, newest charges first.

    Each charge and each correction is a row of its own; the amounts of all rows of a job add up to its charge. The own
    time of a hybrid job, the idle time of a session and a reservation are rows too: all rows of a project add up to
    what its account was charged. Amounts are exact decimals.

    Args:
        ask: asks for bills.
        form: one of `FORMS`.
        wanted: further fields of the question, such as `project`, `since` and `until`.
    """
    before, head = None, True
    while True:
        page = await ask(**wanted, before=before, limit=_PAGE)
        yield _written(form, page, head=head)
        if not page:
            return
        before, head = page[-1]["sequence"], False


def _written(form: str, page: Sequence[_Bill], *, head: bool) -> bytes:
    if form == "jsonl":
        return "".join(json.dumps(_plain(it), ensure_ascii=False) + "\n" for it in page).encode()
    if form == "focus":
        return _csv(COLUMNS, (row for it in page for row in focus_rows(it)), head=head)
    return _csv(_PLAIN, (_cells(_plain(it)) for it in page), head=head)


def _plain(bill: _Bill) -> dict[str, Any]:
    """A bill as one object; of a correction, the amount is the difference."""
    data = bill["data"]
    moved = data.get("delta", data["charge"])
    return {
        **{name: bill[name] for name in ("sequence", "at", "type")},
        **{name: data.get(name) for name in _OF_BILL},
        **{name: bill.get(name) for name in ("user", "label", "tags")},
        **{name: moved[name] for name in ("amount", "currency", "jbu")},
        "provisional": data.get("final") is False,
        "lines": data["charge"].get("lines", []),
    }


def _cells(row: Mapping[str, Any]) -> dict[str, object]:
    return {**row, "tags": " ".join(row["tags"] or ()), "provisional": str(row["provisional"]).lower()}


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, head: bool) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
    if head:
        writer.writeheader()
    writer.writerows({name: _cell(name, it) for name, it in row.items()} for row in rows)
    return text.getvalue().encode()


def _cell(column: str, value: object) -> object:
    chosen = column in ("label", "reason", "ResourceName", "ChargeDescription", "x_Reason")
    return csv_text(value) if chosen and isinstance(value, str) else value
