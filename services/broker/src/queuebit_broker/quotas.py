"""Quotas of a submission: which it counts against, what they have left, and when there is room again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from queuebit_broker.quota_use import QuotaUse, Used
from queuebit_broker.reservations import KnownReservation
from queuebit_contracts.account import Hold
from queuebit_contracts.tenants import Quota, Tenant, seconds_of
from queuebit_contracts.wire import Reason
from queuebit_kernel import rfc3339

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = [
    "Counted",
    "QuotaLeft",
    "Reserved",
    "about_quotas",
    "quota_row",
    "quotas_left",
    "quotas_of",
    "reserved_of",
]

_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """What a job counts against its quotas: the most that it may use."""

    quotas: tuple[str, ...]
    shots: int
    qpu_us: int
    """On devices; the time of simulators is no QPU time."""
    at: datetime
    """From when on it counts."""


@dataclass(frozen=True, slots=True)
class QuotaLeft:
    """A quota, and what jobs use of it."""

    name: str
    quota: Quota
    used: Used
    leaving: Callable[[], Iterable[tuple[datetime, int, int]]]
    """When how many shots and how many microseconds leave the window, the first first."""

    def room_at(self, shots: int, qpu_us: int) -> datetime | None:
        """When so much is free at the earliest, if nothing else is used; None if it never is, or is free now."""
        freed_shots = freed_us = 0
        for at, more_shots, more_us in self.leaving():
            freed_shots, freed_us = freed_shots + more_shots, freed_us + more_us
            if not self._missing(shots, qpu_us, freed_shots, freed_us):
                return at
        return None

    def _missing(self, shots: int, qpu_us: int, freed_shots: int, freed_us: int) -> bool:
        most_shots, most_s = self.quota.shots, self.quota.qpu_seconds
        short = most_shots is not None and self.used.shots - freed_shots + shots > most_shots
        return short or (most_s is not None and self.used.qpu_us - freed_us + qpu_us > most_s * _S)


def quotas_left(
    use: QuotaUse, tenant: str, entry: Tenant | None, names: Sequence[str], others: Sequence[Hold], now: datetime
) -> tuple[QuotaLeft, ...]:
    """What is left of some quotas of a tenant, with the holds that are being made for others."""
    found = []
    for name in names:
        quota = (entry or Tenant()).quota[_entry_of(name)]
        counted = [it for it in others if name in (it.quotas or ())]
        window_s = seconds_of(quota.window)
        used = use.used(tenant, name, window_s, now)
        together = Used(
            used.active + len(counted),
            used.shots + sum(it.shots or 0 for it in counted),
            used.qpu_us + sum(it.qpu_us or 0 for it in counted),
        )
        found.append(QuotaLeft(name, quota, together, partial(use.leaving, tenant, name, window_s, now)))
    return tuple(found)


def quotas_of(project: str, user: str | None, tenant: Tenant, workload_class: str | None = None) -> list[str]:
    """The quotas of a tenant that what a user does in a project, and in a class, counts against.

    The quota of a class is one for each user, and has the name of that user, too: `class:batch:ada`.
    """
    names = ["tenant", f"project:{project}", *([f"user:{user}"] if user else [])]
    names += [f"class:{workload_class}:{user}"] if user and workload_class else []
    return [name for name in names if _entry_of(name) in tenant.quota]


@dataclass(frozen=True, slots=True)
class Reserved:
    """Reservations that are not over."""

    count: int
    seconds: int


def reserved_of(name: str, ahead: Iterable[KnownReservation]) -> Reserved:
    """What counts against a quota of the reservations of a tenant that are not over."""
    kind, _, whose = name.partition(":")
    counted = [
        it.reservation.length_s
        for it in ahead
        if kind == "tenant" or whose == {"project": it.reservation.project, "user": it.reservation.user}.get(kind)
    ]
    return Reserved(len(counted), sum(counted))


def about_quotas(tenant: str, quotas: Sequence[QuotaLeft], counted: Counted) -> Iterator[Reason]:
    """Yield a reason for each part of a quota in which there is no room for a job."""
    for it in quotas:
        whose, quota = f"quota {it.name} of tenant {tenant}", it.quota
        raised = f"raised with `qb tenant quota {tenant} {_entry_of(it.name)}`"
        if quota.active_jobs is not None and it.used.active >= quota.active_jobs:
            yield _reason(
                f"{whose} allows {quota.active_jobs:,} active jobs, and there are {it.used.active:,}: submit again "
                f"when one has ended, or have it {raised}"
            )
        if quota.shots is not None and it.used.shots + counted.shots > quota.shots:
            figures = f"{quota.shots:,} shots in {quota.window}, {it.used.shots:,} are used and the job needs"
            again = _again(it, counted.shots, 0, quota.shots < counted.shots)
            yield _reason(f"{whose} allows {figures} {counted.shots:,}: {again}, or have it {raised}")
        if quota.qpu_seconds is not None and it.used.qpu_us + counted.qpu_us > quota.qpu_seconds * _S:
            used_s, needed_s = _seconds(it.used.qpu_us), _seconds(counted.qpu_us)
            figures = f"{quota.qpu_seconds:,} QPU seconds in {quota.window}, {used_s} are used and the job may need"
            again = _again(it, 0, counted.qpu_us, quota.qpu_seconds * _S < counted.qpu_us)
            yield _reason(f"{whose} allows {figures} {needed_s}: {again}, or have it {raised}")


def quota_row(it: QuotaLeft, reserved: Reserved) -> dict[str, JsonValue]:
    """A quota as an answer has it."""
    quota, used, most_s = it.quota, it.used, it.quota.qpu_seconds
    first = next((at for at, *_ in it.leaving()), None)
    return {
        "name": it.name,
        "window": quota.window,
        "active_jobs": quota.active_jobs,
        "active_used": used.active,
        "active_left": _left(quota.active_jobs, used.active),
        "shots": quota.shots,
        "shots_used": used.shots,
        "shots_left": _left(quota.shots, used.shots),
        "qpu_seconds": quota.qpu_seconds,
        "qpu_seconds_used": round(used.qpu_us / _S, 6),
        "qpu_seconds_left": None if most_s is None else round(max(0, most_s - used.qpu_us / _S), 6),
        "reservations": quota.reservations,
        "reservations_used": reserved.count,
        "reservations_left": _left(quota.reservations, reserved.count),
        "reserved_seconds": quota.reserved_seconds,
        "reserved_seconds_used": reserved.seconds,
        "reserved_seconds_left": _left(quota.reserved_seconds, reserved.seconds),
        "next_room_at": rfc3339(first) if first else None,
    }


def _entry_of(name: str) -> str:
    """The name in the tenants document: that of a class is without the user."""
    return ":".join(name.split(":")[:2])


def _left(most: int | None, used: int) -> int | None:
    return None if most is None else max(0, most - used)


def _again(it: QuotaLeft, shots: int, qpu_us: int, too_large: bool) -> str:
    at = None if too_large else it.room_at(shots, qpu_us)
    if at is None:
        return "ask for fewer shots"
    return f"there is room again at {at:%Y-%m-%d %H:%M} UTC if nothing else is used"


def _seconds(us: int) -> str:
    return f"{us / _S:,.3f}".rstrip("0").rstrip(".")


def _reason(text: str) -> Reason:
    return Reason(code="quota_exceeded", text=text)
