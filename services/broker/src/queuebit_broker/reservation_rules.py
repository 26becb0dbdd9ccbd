"""The decisions on the calendar of a backend: whether a slot can be booked, and whether a window can be planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from queuebit_broker.eligibility import Tariff
from queuebit_broker.quotas import quotas_of, reserved_of
from queuebit_broker.requests import NOT_SIGNED
from queuebit_broker.reservations import KnownReservation, Taken
from queuebit_broker.rules import about_author, about_backend, about_project
from queuebit_contracts.backend import Registration
from queuebit_contracts.calendar import PlannedWindow, WindowsRequest
from queuebit_contracts.delegations import Authority
from queuebit_contracts.directory import Directory
from queuebit_contracts.reservation import (
    LEAST_S,
    MOST_AHEAD_S,
    MOST_S,
    BookReservation,
    CancelReservation,
    Reservation,
    reservation_id,
)
from queuebit_contracts.tenants import Tenant
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import Money, rfc3339
from queuebit_pricing import Unpriced, reserved_charge

__all__ = [
    "MOST_BOOKED",
    "MOST_BOOKED_S",
    "MOST_WINDOW_DAYS",
    "Booking",
    "Planned",
    "Refusal",
    "about_cancelling",
    "booked",
    "nearest_free",
    "planned",
]

MOST_BOOKED: Final = 20
"""The most reservations of one tenant that are not over, unless its quota says otherwise."""

MOST_BOOKED_S: Final = 7 * 86_400
"""The most reserved time of one tenant on one backend that is not over, unless its quota limits the time."""

MOST_WINDOW_DAYS: Final = 3_653
"""How far ahead a window may end, in days: ten years. A later end overflows the search for a free slot."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What decides whether a slot is booked."""

    now: datetime
    directory: Directory
    tariff: Tariff
    backends: Mapping[str, Registration]
    author: Authority | Reason
    signed: bool
    """The signature is by the key it names, over exactly this request."""
    ahead: Sequence[KnownReservation]
    """Reservations of the tenant that are not over."""
    taken: Sequence[Taken]
    """When the backend cannot be reserved, in order."""
    available: Money
    """What the account may still hold."""
    budgets: Mapping[str, Money]
    """What may still be held against each budget that the reservation counts against, by name."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A slot is not booked."""

    reasons: tuple[Reason, ...]
    free_from: datetime | None = None
    """If the backend is taken: when the next free slot of this length begins."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Windows that are planned."""

    new: Sequence[PlannedWindow]
    displaced: Sequence[KnownReservation]
    """The reservations that are cancelled for them."""


def booked(request: BookReservation, tenant: str, world: Booking) -> Reservation | Refusal:
    """The reservation that is booked, or every reason against it."""
    reasons = [*_about_request(request, tenant, world), *_about_slot(request, world), *_about_quota(request, world)]
    free_from = None
    if clash := next((it for it in world.taken if it.overlaps(request.starts_at, request.ends_at)), None):
        free_from = nearest_free(world.taken, request.starts_at, request.ends_at - request.starts_at)
        reasons.append(_about_clash(request.backend, clash, free_from))
    price = _price(request, world)
    if isinstance(price, Reason):
        reasons.append(price)
    elif price is not None:
        price_id, unit = price
        whole = Money(reserved_charge(unit.amount, 0, _length_s(request)).total, unit.currency)
        if not reasons:
            reasons += _about_money(request, tenant, whole, world)
        if not reasons and isinstance(world.author, Authority):
            return Reservation.model_validate({
                **request.model_dump(),
                "user": world.author.user,
                "delegation": world.author.delegation,
                "booked_at": world.now,
                "unit_price": Amount.of(unit),
                "price": price_id,
                "hold": Amount.of(whole) if whole.amount else None,
            })  # fmt: skip
    return Refusal(tuple(reasons), free_from)


def nearest_free(taken: Iterable[Taken], starts_at: datetime, length: timedelta) -> datetime:
    """When the first slot of a length begins, at or after a moment, in which the backend is not taken.

    Args:
        taken: in the order of their beginnings.
        starts_at: the moment.
        length: of the slot.
    """
    for it in taken:
        if it.overlaps(starts_at, starts_at + length):
            starts_at = it.ends_at
    return starts_at


def about_cancelling(
    request: CancelReservation, reservation: Reservation, author: Authority | Reason | None
) -> Reason | None:
    """Why an author may not cancel a reservation; None if they may."""
    if isinstance(author, Reason):
        return author
    own = author is not None and author.user == reservation.user and author.may("submit")
    if author is None or not (own or author.may("manage")) or author.project not in (None, reservation.project):
        text = (
            f"reservation {request.reservation} is user {reservation.user}'s: its user and admins of the tenant may "
            "cancel it"
        )
        return Reason(code="role_forbids", text=text)
    return None


def planned(
    request: WindowsRequest,
    backends: Mapping[str, Registration],
    known: Mapping[str, PlannedWindow],
    reserved: Sequence[KnownReservation],
    now: datetime,
) -> Planned | tuple[Reason, ...]:
    """The windows that are new, and the reservations that they displace; or every reason against them.

    Args:
        request: what the operator asks.
        backends: those that are registered.
        known: the windows of the backend that are planned, by id.
        reserved: its reservations that are not over.
        now: the time.
    """
    new = [it for it in request.planned if known.get(it.window) != it]
    over = [
        it
        for it in reserved
        if any(
            Taken(w.starts_at, w.ends_at, w.kind, w.window).overlaps(it.reservation.starts_at, it.until) for w in new
        )
    ]
    reasons = [*_about_windows(request, new, backends, known, now)]
    if over and not request.displace:
        slots = ", ".join(f"{it.reservation.reservation} ({rfc3339(it.reservation.starts_at)})" for it in over)
        text = f"it overlaps reservations: {slots}. Choose another time, or cancel them with `--displace`"
        reasons.append(Reason(code="window_over_reservation", text=text))
    return tuple(reasons) if reasons else Planned(new, over)


def _about_windows(
    request: WindowsRequest,
    new: Sequence[PlannedWindow],
    backends: Mapping[str, Registration],
    known: Mapping[str, PlannedWindow],
    now: datetime,
) -> Iterator[Reason]:
    if request.backend not in backends:
        text = f"there is no backend {request.backend}: see `qb backends`"
        yield Reason(code="unknown_backend", text=text)
    names = [it.window for it in request.planned]
    if len({*names}) < len(names):
        yield Reason(code="bad_window", text="two windows of the request have the same id: give each its own")
    for it in new:
        if it.backend != request.backend:
            text = f"window {it.window} is of {it.backend}, and the request of {request.backend}: name one backend"
            yield Reason(code="bad_window", text=text)
        if it.window in known:
            yield Reason(code="window_exists", text=f"window {it.window} is planned with another time: cancel it first")
        if it.ends_at <= it.starts_at:
            yield Reason(code="bad_window", text=f"window {it.window} ends before it begins: correct its times")
        if it.ends_at <= now:
            yield Reason(
                code="window_past", text=f"window {it.window} is over at {rfc3339(it.ends_at)}: choose a time ahead"
            )
        if it.ends_at > now + timedelta(days=MOST_WINDOW_DAYS):
            text = f"window {it.window} ends more than {MOST_WINDOW_DAYS:,} days ahead: choose an earlier end"
            yield Reason(code="window_too_far", text=text)


def _about_request(request: BookReservation, name: str, world: Booking) -> Iterator[Reason]:
    tenant = world.directory.tenant.get(name)
    project = tenant.project.get(request.project) if tenant else None
    if not world.signed or request.tenant != name:
        yield NOT_SIGNED
    if request.reservation != reservation_id(request.tenant, request.key):
        text = f"reservation {request.reservation} does not follow from its key: derive it as BookReservation says"
        yield Reason(code="bad_proof", text=text)
    if isinstance(world.author, Reason):
        yield world.author
    else:
        yield from about_author(name, request.project, world.author)
    yield from about_project(name, request.project, tenant, project)
    yield from about_backend(request.backend, request.project, world.backends, project)
    if request.backend not in world.backends and not world.backends:
        yield Reason(code="unknown_backend", text=f"there is no backend {request.backend}: see `qb backends`")
    if request.users == ():
        yield Reason(code="unknown_user", text="the slot is for no user: name its users, or leave `users` out for all")
    if tenant is not None and (unknown := sorted({*(request.users or ())} - {*tenant.user})):
        text = f"tenant {name} has no user {', '.join(unknown)}: see `qb tenant show {name}`"
        yield Reason(code="unknown_user", text=text)


def _about_slot(request: BookReservation, world: Booking) -> Iterator[Reason]:
    if request.starts_at.microsecond or request.ends_at.microsecond:
        yield Reason(code="bad_slot", text="a slot begins and ends at whole seconds: round its times")
    length_s = _length_s(request)
    if not LEAST_S <= length_s <= MOST_S:
        text = f"the slot has {length_s:,} s: a slot has at least {LEAST_S} s and at most {MOST_S:,} s"
        yield Reason(code="bad_slot", text=text)
    if request.starts_at < world.now:
        text = f"the slot begins at {rfc3339(request.starts_at)}, and it is {rfc3339(world.now)}: choose a time ahead"
        yield Reason(code="slot_past", text=text)
    if request.starts_at > world.now + timedelta(seconds=MOST_AHEAD_S):
        text = f"a slot is booked at most {MOST_AHEAD_S // 86_400} days ahead: choose an earlier one"
        yield Reason(code="slot_too_far", text=text)


def _about_quota(request: BookReservation, world: Booking) -> Iterator[Reason]:
    """Yield a reason for each quota of the tenant, of the project and of the user that has no room for the slot."""
    tenant = world.directory.tenant.get(request.tenant) or Tenant()
    user = world.author.user if isinstance(world.author, Authority) else None
    whole = tenant.quota.get("tenant")
    if whole is None or whole.reservations is None:
        yield from _about_count(request.tenant, "tenant", len(world.ahead), MOST_BOOKED)
    if whole is None or whole.reserved_seconds is None:
        there = sum(it.reservation.length_s for it in world.ahead if it.reservation.backend == request.backend)
        if there + _length_s(request) > MOST_BOOKED_S:
            text = (
                f"tenant {request.tenant} has {there / 3600:.1f} h reserved on {request.backend} and may have "
                f"{MOST_BOOKED_S // 3600} h: cancel some, or ask for less"
            )
            yield Reason(code="reserved_too_much", text=text)
    for name in quotas_of(request.project, user, tenant):
        quota, used = tenant.quota[name], reserved_of(name, world.ahead)
        if quota.reservations is not None:
            yield from _about_count(request.tenant, name, used.count, quota.reservations)
        if quota.reserved_seconds is not None and used.seconds + _length_s(request) > quota.reserved_seconds:
            text = (
                f"quota {name} of tenant {request.tenant} allows {quota.reserved_seconds:,} s of reservations that are "
                f"not over, {used.seconds:,} s are booked and the slot has {_length_s(request):,} s: cancel some, ask "
                f"for less, or have it raised with `qb tenant quota {request.tenant} {name}`"
            )
            yield Reason(code="reserved_too_much", text=text)


def _about_count(tenant: str, name: str, count: int, most: int) -> Iterator[Reason]:
    if count >= most:
        text = (
            f"quota {name} of tenant {tenant} allows {most} reservations that are not over, and there are {count}: "
            f"cancel one, or have it raised with `qb tenant quota {tenant} {name}`"
        )
        yield Reason(code="too_many_reservations", text=text)


def _about_clash(backend: str, clash: Taken, free_from: datetime) -> Reason:
    what = "is reserved" if clash.kind == "reservation" else f"has a {clash.kind} window"
    text = (
        f"{backend} {what} from {rfc3339(clash.starts_at)} to {rfc3339(clash.ends_at)}: the next free slot of this "
        f"length begins at {rfc3339(free_from)}"
    )
    return Reason(code="slot_taken" if clash.kind == "reservation" else "slot_in_window", text=text)


def _price(request: BookReservation, world: Booking) -> tuple[str, Money] | Reason | None:
    """The id of the price and what a second costs; None if the backend is unknown."""
    if request.backend not in world.backends:
        return None
    try:
        found = world.tariff.price(request.backend, world.now)
    except Unpriced:
        text = f"{request.backend} has no price that is valid now: name another backend"
        return Reason(code="unpriced", text=text)
    if found.per_reserved_second is None:
        text = f"{request.backend} cannot be reserved: its price has no per_reserved_second; name another backend"
        return Reason(code="not_reservable", text=text)
    return found.id, Money(found.per_reserved_second, found.currency)


def _about_money(request: BookReservation, name: str, whole: Money, world: Booking) -> Iterator[Reason]:
    tenant = world.directory.tenant.get(name)
    project = tenant.project.get(request.project) if tenant else None
    if not whole.amount or project is None:
        return
    if project.currency != whole.currency:
        text = f"the price is in {whole.currency}, and the budget of project {request.project} in {project.currency}"
        yield Reason(code="currency_mismatch", text=f"{text}: use one currency")
        return
    if whole > world.available:
        text = (
            f"the slot costs {whole}, and project {request.project} has {world.available} left: book less time, or "
            f"raise its budget with `qb tenant fund {name} {request.project} AMOUNT`"
        )
        yield Reason(code="budget_exceeded", text=text)
    for budget, left in world.budgets.items():
        if left.currency != whole.currency or whole > left:
            text = (
                f"the slot costs {whole}, and budget {budget} of tenant {name} has {left} left: book less time, or "
                f"raise it with `qb tenant budget {name} {budget} AMOUNT`"
            )
            yield Reason(code="budget_exceeded", text=text)


def _length_s(request: BookReservation) -> int:
    return int((request.ends_at - request.starts_at).total_seconds())
