"""IonQ's usage report in JSON: `GET /v0.4/organizations/ID/usage?group_by=job&modality=daily`.

Source: IonQ's API reference, "Get usage costs" (docs.ionq.com/api-reference/v0.4/util/usages, updated 2026-04-30), read
2026-11-30. `group_usages` has the five most expensive jobs of a day only. What remains of the day's amount is one line
without a job, so that nothing of the bill is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from queuebit_kernel.exact import difference, product, total
from queuebit_reconciliation.bill import Bill, BillLine
from queuebit_reconciliation.errors import BadBill
from queuebit_reconciliation.text import decoded, exact_json, number

__all__ = ["IonqBill"]

_MICROSECONDS = Decimal("0.000001")
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_Document = Mapping[str, Any]  # JSON


class IonqBill:
    """Reads a usage report by job and day."""

    vendor = "ionq"
    backends = ("ionq-*",)

    def recognises(self, content: bytes) -> bool:
        """Whether it is JSON with usage in it."""
        return content.lstrip()[:1] == b"{" and b'"usage_data"' in content

    def read(self, content: bytes) -> Bill:
        """A line for each job and day, and one for what the report does not divide among jobs."""
        report = _parsed(decoded(content))
        if report.get("group_type") != "job" or report.get("modality") != "daily":
            raise BadBill(
                f"the report is by {report.get('group_type')!s:.20} and {report.get('modality')!s:.20}: ask IonQ for "
                "group_by=job and modality=daily"
            )
        currency = str(report.get("usage_unit", "")).upper()
        if currency.isalpha() is False or len(currency) != 3:
            raise BadBill(f"usage_unit is {currency[:20]!r}, and must be a currency such as USD: credits have no price")
        lines = [*_lines(report, currency)]
        if not lines:
            raise BadBill("usage_data is empty: the report has no usage in its period")
        if "amount_total" in report and (billed := total(it.amount for it in lines)) != (
            stated := _decimal(report, "amount_total", "the report")
        ):
            raise BadBill(f"amount_total is {stated}, and its days sum to {billed}: the report is incomplete")
        return Bill.of(self.vendor, content, lines, moments=_period(report))

    def vendor_jobs(self, handle: str) -> tuple[str, ...]:
        """The ids of the jobs of a submission."""
        return tuple(handle.split(","))


def _parsed(text: str) -> _Document:
    found = exact_json(text)
    if not isinstance(found, dict) or not isinstance(found.get("usage_data"), list):
        raise BadBill("the report has no list usage_data: this is another document of IonQ")
    return found


def _lines(report: _Document, currency: str) -> Iterator[BillLine]:
    entry = 0
    for position, day in enumerate(report["usage_data"]):
        where = f"usage_data[{position}]"
        if not isinstance(day, dict) or not isinstance(groups := day.get("group_usages"), list):
            raise BadBill(f"{where} has no list group_usages: the format has changed")
        start = _date(day, where)
        amounts, times = [Decimal(0)], [Decimal(0)]
        for at, group in enumerate(groups):
            entry += 1
            place = f"{where}.group_usages[{at}]"
            if not isinstance(group, dict) or not isinstance(job := group.get("group_id"), str) or not job:
                raise BadBill(f"{place} has no group_id, which is the id of a job: the format has changed")
            amounts.append(_decimal(group, "amount", place))
            times.append(_decimal(group, "time_us", place))
            yield _line(entry, job, start, amounts[-1], times[-1], currency)
        rest, rest_us = (
            difference(_decimal(day, name, where), total(found))
            for name, found in (("amount", amounts), ("time_us", times))
        )
        if rest or rest_us:
            entry += 1
            yield _line(entry, "", start, rest, rest_us, currency)


def _line(entry: int, job: str, start: datetime, amount: Decimal, time_us: Decimal, currency: str) -> BillLine:
    return BillLine(
        number=entry,
        vendor_job=job,
        usage_start=start,
        usage_end=start + timedelta(days=1),
        quantity=product(time_us, _MICROSECONDS),
        unit="second",
        amount=amount,
        currency=currency,
        product="QPU time" if job else "QPU time of further jobs of the day",
    )


def _decimal(document: _Document, name: str, where: str) -> Decimal:
    found = document.get(name)
    if not isinstance(found, Decimal):
        raise BadBill(f"{where}: {name} is {found!r:.40}, and must be a number")
    try:
        return number(format(found, "f"))
    except BadBill as error:
        raise BadBill(f"{where}: {name}: {error.text}") from error


def _period(report: _Document) -> Iterator[datetime]:
    """What the vendor states."""
    for name in ("usage_from", "usage_to"):
        if name in report:
            try:
                found = datetime.fromisoformat(str(report[name]))
                yield found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
            except (ValueError, OverflowError) as error:  # the latter if it is not of a year that has a calendar
                raise BadBill(f"{name} is {report[name]!r:.40}, and must be like 2026-11-01T00:00:00Z") from error


def _date(day: _Document, where: str) -> datetime:
    try:
        found = datetime.strptime(str(day.get("from")), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        found = _LAST
    if found >= _LAST:  # its end would be no date
        raise BadBill(f"{where}: from is {day.get('from')!r:.40}, and must be a day such as 2026-11-01")
    return found
