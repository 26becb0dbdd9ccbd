"""Part of I2: every bill and every correction of one follows from usage, price and hold, and they form a chain."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

from queuebit_audit.charges import Authorised, Bill, Charged, Corrected
from queuebit_audit.job_state import Job
from queuebit_contracts.usage import UsageRecord, is_final, quantities
from queuebit_kernel.exact import difference
from queuebit_pricing import PriceBook, Unpriced, bill

__all__ = ["billed"]

_Figures: TypeAlias = tuple[Decimal, Decimal, Decimal, tuple[str, Decimal] | None]
"""Billed quantity, unit price, amount, and the amount in a virtual currency."""


def billed(job: Job, book: PriceBook) -> Iterator[str]:
    """The faults of a job's bills."""
    for it in job.bills:
        if job.ends and it.state != job.ends[0]:
            yield f"it was {job.ends[0]}, but billed as {it.state}"
        if it.usage != job.usage and not _unknown_yet(it):
            yield f"it used {_used(job.usage)}, but other usage was metered"
        if is_final(it.usage) is not it.final:
            yield f"its usage is {'' if is_final(it.usage) else 'not '}final, but its bill says otherwise"
        if job.authorised is None:
            if Decimal(it.charge.amount) != 0:
                yield f"it was never accepted, but charged {it.charge.amount}"
            continue
        if it.hold != job.authorised.hold:
            yield f"its bill names a hold other than {job.authorised.hold.amount}"
        yield from _rated(job, job.authorised, it.state, it.usage, it.charge, book)
    if job.bills:
        yield from _corrected(job, job.bills[0], book)


def _corrected(job: Job, first: Bill, book: PriceBook) -> Iterator[str]:
    before = first.charge
    for number, it in enumerate(job.corrections, start=1):
        if it.revision != number:
            yield f"correction {number} of its bill calls itself {it.revision}"
        reported = job.reports.get(it.report)
        if reported is None or quantities(reported) != quantities(it.usage) or is_final(reported) is not it.final:
            yield f"correction {number} of its bill states other usage than report {it.report}"
        if _difference(before, it.charge) != (Decimal(it.delta.amount), Decimal(it.delta.jbu)):
            yield (
                f"correction {number} changes its charge from {before.amount} to {it.charge.amount}, "
                f"but says {it.delta.amount}"
            )
        if job.authorised is not None:
            yield from _rated(job, job.authorised, first.state, it.usage, it.charge, book, it)
        before = it.charge


def _rated(
    job: Job,
    authorised: Authorised,
    state: str,
    usage: UsageRecord,
    charge: Charged,
    book: PriceBook,
    correction: Corrected | None = None,
) -> Iterator[str]:
    """The charge must follow from price and usage, within the bounds of the hold."""
    backend = correction.backend if correction else job.backend
    if backend is None:
        if Decimal(charge.amount) != 0:
            yield f"it was never placed, but charged {charge.amount}"
        return
    if (bound := authorised.bound(backend)) is None:
        yield f"it ran on {backend}, for which nothing was authorised"
        return
    bounds = bound.limits(authorised.shots, authorised.qubits)
    try:
        price = book.price(bound.price)
    except Unpriced as error:
        yield f"its charge cannot be rated again: {error}"
        return
    if price.spot != authorised.spot:
        is_spot, of_spot = ("a" if authorised.spot else "no"), ("of" if price.spot else "not of")
        yield f"it is {is_spot} spot job, and {bound.price} is {of_spot} spot jobs"
    measured, final = quantities(usage), is_final(usage)
    due = bill(price, bounds, state, measured, final=final, at_limit=bool(usage.at_limit), reason=job.reason)
    unit = price.credits.unit if price.credits else ""
    wanted = {
        it.component: (it.billed, it.unit_price, it.amount, None if it.credits is None else (unit, it.credits))
        for it in due.lines
    }
    if _figures(charge) != (due.amount, due.currency, due.jbu, wanted):
        yield f"its usage costs {due.amount} {due.currency} by {bound.price}, but the bill says {_worded(charge)}"


def _unknown_yet(it: Bill) -> bool:
    """Whether a run was cancelled whose executor is still to report what it used."""
    return it.state == "cancelled" and not it.final and not any(quantities(it.usage).values())


def _used(usage: UsageRecord) -> str:
    return ", ".join(f"{quantity} {metric}" for metric, quantity in quantities(usage).items())


def _difference(before: Charged, after: Charged) -> tuple[Decimal, Decimal]:
    amount = difference(Decimal(after.amount), Decimal(before.amount))
    return amount, difference(Decimal(after.jbu), Decimal(before.jbu))


def _figures(charge: Charged) -> tuple[Decimal, str, Decimal, dict[str, _Figures]]:
    lines = {
        it.component: (
            Decimal(it.billed),
            Decimal(it.unit_price),
            Decimal(it.amount),
            None if it.credits is None else (it.credits[0], Decimal(it.credits[1])),
        )
        for it in charge.lines
    }
    return Decimal(charge.amount), charge.currency, Decimal(charge.jbu), lines


def _worded(charge: Charged) -> str:
    lines = ", ".join(f"{it.component} {it.billed} x {it.unit_price} = {it.amount}" for it in charge.lines)
    return f"{charge.amount} {charge.currency} ({lines or 'no lines'})"
