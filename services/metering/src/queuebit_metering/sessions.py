"""Bills the idle time of a session once, and settles what was held for it."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from queuebit_contracts.account import AccountSettled, Settlement
from queuebit_contracts.billing import Charge, ChargeLine
from queuebit_contracts.session import SessionBill, SessionClosed, SessionEnd, SessionMetered, idle_hold_of
from queuebit_contracts.wire import Amount
from queuebit_kernel import Stale, event_id
from queuebit_metering.errors import Overcharged, PriceLost
from queuebit_pricing import IDLE, UNITS, WALL, IdleCharge, PriceBook, Unpriced, idle_charge, plain, session_price
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["MeterSession", "bill_session"]

_SOURCE = "qb/metering"


class MeterSession:
    """Appends `metered`, then `settled`, each the only event of its subject: a repeat appends what is missing."""

    def __init__(self, log: EventLog, book: PriceBook) -> None:
        self._log = log
        self._book = book

    async def __call__(self, closed: SessionClosed) -> None:
        """Bill a session that closed; nothing if nothing was held for its idle time.

        Raises:
            PriceLost, Overcharged: as `bill_session`.
        """
        bill = bill_session(closed.data, self._book)
        if bill is None:
            return
        for event in (_metered(bill), _settled(bill)):
            with suppress(Stale):  # it is stored: the price is immutable, so it says the same
                await self._log.append(event, after=0)


def bill_session(end: SessionEnd, book: PriceBook) -> SessionBill | None:
    """Rate the idle time of a session by the price that it was opened with; None if nothing was held for it.

    Raises:
        PriceLost: the book no longer has the price.
        Overcharged: the charge is not what was held, which only an altered price can bring about.
    """
    if end.idle_hold is None:
        return None
    hold = end.idle_hold.money
    try:
        price = book.price(end.price or "")
    except Unpriced as error:
        raise PriceLost(
            f"price {end.price!r} of session {end.session} is not in price book {book.version}: put the old row back "
            "unchanged, restart metering, then replay this"
        ) from error
    seconds, unit = _charged_s(end), session_price(price, wall_clock=end.wall_s is not None)
    rated = idle_charge(unit, seconds, hold.amount) if unit else None
    if unit is None or rated is None or rated.amount != hold.amount or price.currency != hold.currency:
        raise Overcharged(
            f"session {end.session} has {seconds} s to pay, for which {hold} is held, and price {price.id!r} says "
            "otherwise: the price was altered; restore its old terms, restart metering, then replay this"
        )
    return SessionBill(
        tenant=end.tenant,
        session=end.session,
        project=end.project,
        idle_s=end.idle_s,
        charge=Charge(amount=hold.text(), currency=hold.currency, jbu="0", lines=(_line(price.id, unit, end, rated),)),
        price_book=book.digest,
        hold=end.idle_hold,
        closed_at=end.closed_at,
    )


def _charged_s(end: SessionEnd) -> int:
    return end.idle_s if end.wall_s is None else end.wall_s


def _line(price: str, unit: Decimal, end: SessionEnd, rated: IdleCharge) -> ChargeLine:
    return ChargeLine(
        price=price,
        component=IDLE if end.wall_s is None else WALL,
        unit=UNITS["second"],
        consumed=str(_charged_s(end)),
        billed=str(rated.seconds),
        unit_price=plain(unit),
        amount=plain(rated.amount),
    )


def _metered(bill: SessionBill) -> SessionMetered:
    return SessionMetered(
        id=event_id("session-metered", bill.tenant, bill.session),
        source=_SOURCE,
        traceparent=current_traceparent(),
        data=bill,
    )


def _settled(bill: SessionBill) -> AccountSettled:
    return AccountSettled(
        id=event_id("settled", bill.tenant, idle_hold_of(bill.session)),
        source=_SOURCE,
        traceparent=current_traceparent(),
        data=Settlement(
            tenant=bill.tenant,
            account=bill.project,
            job=idle_hold_of(bill.session),
            held=bill.hold,
            settled=bill.hold,
            released=Amount(amount="0.00", currency=bill.hold.currency),
        ),
    )
