"""Bills the time of a reservation once, used and idle, and settles what was held for it."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from queuebit_contracts.account import AccountSettled, Settlement
from queuebit_contracts.billing import Charge, ChargeLine
from queuebit_contracts.reservation import ReservationBill, ReservationEnd, ReservationEnded, ReservationMetered
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, Stale, event_id
from queuebit_metering.errors import Overcharged, PriceLost
from queuebit_pricing import RESERVED, RESERVED_IDLE, UNITS, PriceBook, Unpriced, plain, reserved_charge
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["MeterReservation", "bill_reservation"]

_SOURCE = "qb/metering"


class MeterReservation:
    """Appends `metered`, then `settled`, each the only event of its subject: a repeat appends what is missing."""

    def __init__(self, log: EventLog, book: PriceBook) -> None:
        self._log = log
        self._book = book

    async def __call__(self, ended: ReservationEnded) -> None:
        """Bill a reservation that ended; nothing if it is free.

        Raises:
            PriceLost, Overcharged: as `bill_reservation`.
        """
        bill = bill_reservation(ended.data, self._book)
        if bill is None:
            return
        for event in (_metered(bill), _settled(bill)):
            with suppress(Stale):  # it is stored: the price is immutable, so it says the same
                await self._log.append(event, after=0)


def bill_reservation(end: ReservationEnd, book: PriceBook) -> ReservationBill | None:
    """Rate the time of a reservation by the price that it was booked with; None if nothing was held for it.

    Raises:
        PriceLost: the book no longer has the price.
        Overcharged: the charge is above the hold, which only an altered price can bring about.
    """
    if end.hold is None:
        return None
    hold = end.hold.money
    try:
        price = book.price(end.price)
    except Unpriced as error:
        raise PriceLost(
            f"price {end.price!r} of reservation {end.reservation} is not in price book {book.version}: put the old "
            "row back unchanged, restart metering, then replay this"
        ) from error
    unit = price.per_reserved_second
    rated = reserved_charge(unit, end.used_s, end.idle_s) if unit is not None else None
    if unit is None or rated is None or rated.total > hold.amount or price.currency != hold.currency:
        raise Overcharged(
            f"reservation {end.reservation} has {end.used_s + end.idle_s} s to pay, for which {hold} is held, and "
            f"price {price.id!r} says otherwise: the price was altered; restore its old terms, restart metering, then "
            "replay this"
        )
    parts = ((RESERVED, end.used_s, rated.used), (RESERVED_IDLE, end.idle_s, rated.idle))
    return ReservationBill(
        tenant=end.tenant,
        reservation=end.reservation,
        project=end.project,
        backend=end.backend,
        used_s=end.used_s,
        idle_s=end.idle_s,
        unavailable_s=end.unavailable_s,
        charge=Charge(
            amount=Money(rated.total, hold.currency).text(),
            currency=hold.currency,
            jbu="0",
            lines=tuple(
                _line(price.id, component, unit, seconds, amount) for component, seconds, amount in parts if seconds
            ),
        ),
        price_book=book.digest,
        hold=end.hold,
        starts_at=end.starts_at,
        ended_at=end.ended_at,
    )


def _line(price: str, component: str, unit: Decimal, seconds: int, amount: Decimal) -> ChargeLine:
    return ChargeLine(
        price=price,
        component=component,
        unit=UNITS["second"],
        consumed=str(seconds),
        billed=str(seconds),
        unit_price=plain(unit),
        amount=plain(amount),
    )


def _metered(bill: ReservationBill) -> ReservationMetered:
    return ReservationMetered(
        id=event_id("reservation-metered", bill.tenant, bill.reservation),
        source=_SOURCE,
        traceparent=current_traceparent(),
        data=bill,
    )


def _settled(bill: ReservationBill) -> AccountSettled:
    held, charged = bill.hold.money, Money.of(bill.charge.amount, bill.charge.currency)
    return AccountSettled(
        id=event_id("settled", bill.tenant, bill.reservation),
        source=_SOURCE,
        traceparent=current_traceparent(),
        data=Settlement(
            tenant=bill.tenant,
            account=bill.project,
            job=bill.reservation,
            held=bill.hold,
            settled=Amount.of(charged),
            released=Amount.of(held - charged),
        ),
    )
