"""Bills the time of hybrid jobs, once each. Their jobs have bills of their own."""

from __future__ import annotations

from queuebit_contracts.account import AccountSettled, Settlement
from queuebit_contracts.hybrid import (
    HybridCancelled,
    HybridCompleted,
    HybridFailed,
    HybridMetered,
    HybridMetering,
    HybridTerms,
    HybridUsage,
)
from queuebit_contracts.job import Charge, ChargeLine
from queuebit_contracts.subjects import event_name, subject_of
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, Stale, Unavailable, event_id
from queuebit_metering.errors import Overcharged, PriceLost
from queuebit_pricing import CLASSICAL_SECOND, PriceBook, Unpriced, plain, rate_time
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["MeterHybridJobs", "bill_time", "settle_time"]

_SOURCE = "qb/metering"
_Ended = HybridCompleted | HybridFailed | HybridCancelled


class MeterHybridJobs:
    """Appends `metered`, then `settled`, each at most once; a repeat reads the first bill and continues."""

    def __init__(self, log: EventLog, book: PriceBook) -> None:
        self._log = log
        self._book = book

    async def __call__(self, ended: _Ended) -> None:
        """Bill a hybrid job that ended.

        Raises:
            PriceLost, Overcharged: as for jobs.
            Unavailable: the first bill cannot be read yet.
        """
        it = ended.data
        metered = HybridMetered(
            id=event_id("hybrid-metered", it.tenant, it.hybrid),
            source=_SOURCE,
            traceparent=current_traceparent(),
            provenanceid=ended.provenanceid,
            data=bill_time(ended, self._book),
        )
        bill = await self._first(metered)
        settled = AccountSettled(
            id=event_id("settled", it.tenant, it.hybrid),
            source=_SOURCE,
            traceparent=current_traceparent(),
            provenanceid=ended.provenanceid,
            data=settle_time(bill),
        )
        try:
            await self._log.append(settled, after=0)
        except Stale:
            return

    async def _first(self, metered: HybridMetered) -> HybridMetering:
        """Append a bill; return the first one."""
        try:
            await self._log.append(metered, after=0)
        except Stale as error:
            first = await self._log.last(subject_of(metered))
            if first is None or not isinstance(first.event, HybridMetered):
                raise Unavailable(f"{subject_of(metered)} exists and cannot be read yet") from error
            return first.event.data
        return metered.data


def bill_time(ended: _Ended, book: PriceBook) -> HybridMetering:
    """The bill for what a hybrid job used, however it ended: its time, up to its limit.

    Raises:
        PriceLost: the book no longer has the price.
        Overcharged: the charge is above the hold.
    """
    it = ended.data
    charge = _rated(it.hybrid, it.terms, it.usage, book)
    return HybridMetering(
        tenant=it.tenant,
        project=it.terms.project,
        hybrid=it.hybrid,
        state=event_name(ended.type),
        usage=it.usage,
        charge=charge,
        price_book=book.digest,
        hold=it.terms.hold,
        submitted_at=it.submitted_at,
        ended_at=ended.time,
    )


def settle_time(bill: HybridMetering) -> Settlement:
    """Turn the hold into the charge and release the rest."""
    held, settled = bill.hold.money, Money.of(bill.charge.amount, bill.charge.currency)
    return Settlement(
        tenant=bill.tenant,
        account=bill.project,
        job=bill.hybrid,
        held=Amount.of(held),
        settled=Amount.of(settled),
        released=Amount.of(held - settled),
    )


def _rated(hybrid: str, terms: HybridTerms, usage: HybridUsage, book: PriceBook) -> Charge:
    try:
        price = book.price(terms.price)
    except Unpriced as error:
        raise PriceLost(
            f"price {terms.price!r}, quoted to hybrid job {hybrid}, is not in price book {book.version}: put the old "
            "row back unchanged (prices are closed with valid_until, never removed), restart metering, replay this"
        ) from error
    rated = rate_time(price, usage.time_us, terms.max_time_s * 1_000_000)
    hold = terms.hold.money
    if rated.currency != hold.currency or rated.money > hold:
        raise Overcharged(
            f"hybrid job {hybrid} costs {rated.money} by price {price.id!r}, and only {hold} was held: "
            "the price was altered; restore its old terms, restart metering, then replay this"
        )
    lines = tuple(
        ChargeLine(
            price=price.id,
            component=CLASSICAL_SECOND,
            unit=line.unit,
            consumed=plain(line.consumed),
            billed=plain(line.billed),
            unit_price=plain(line.unit_price),
            amount=plain(line.amount),
        )
        for line in rated.lines
    )
    return Charge(amount=rated.money.text(), currency=rated.currency, jbu=plain(rated.jbu), lines=lines)
