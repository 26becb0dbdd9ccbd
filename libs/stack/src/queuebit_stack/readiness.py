"""The checklists before production and in production: what holds, what is missing, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.tenants import LIFETIME, Tenants

__all__ = ["Backend", "Item", "Situation", "judge"]

_BACKUP_AGE: Final = timedelta(days=7)
_CALIBRATION_AGE: Final = timedelta(hours=24)
_REACHED_AGE: Final = timedelta(days=31)
_SEALED_WITHIN: Final = timedelta(hours=1)
_ENCRYPTED: Final = ("https", "tls", "wss")
_HERE: Final = ("127.0.0.1", "localhost", "::1", "")


class Item(NamedTuple):
    """One line of a checklist."""

    stage: Literal["before", "production"]
    """Before the first customer, or all the time."""
    check: str
    state: Literal["ok", "missing", "unknown"]
    """`unknown`: it could not be found out now."""
    found: str
    do: str
    """What to do; empty if it is `ok`."""


class Backend(NamedTuple):
    """A backend, as the warehouse knows it."""

    name: str
    kind: str
    """`simulator`, `emulated` or `qpu`."""
    calibrated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that was found out. None: it could not be."""

    now: datetime
    ill: Sequence[str] | None = None
    """Checks of `qb doctor` that need attention."""
    tenants: Tenants | None = None
    alerts: Alerts | None = None
    alert_secrets: frozenset[str] = frozenset()
    """Secrets of receivers that are there."""
    reached: Mapping[str, datetime] | None = None
    """By receiver: when a notification was last delivered."""
    objectives: int | None = None
    """How many objectives are in force."""
    unpriced: Sequence[str] | None = None
    """Backends without a price."""
    backed_up: datetime | None = None
    """When the home was last copied by `qb backup`; None if never."""
    listens: Mapping[str, str] = field(default_factory=dict)
    """Address by service."""
    backends: Sequence[Backend] | None = None
    sealed: int | None = None
    """Jobs with a receipt."""
    unsealed: int | None = None
    """Jobs that ended over an hour ago, and have none."""
    receipt: str | None = None
    """Why the newest receipt does not verify; empty if it does; None if it was not looked at."""
    unacknowledged: int | None = None
    """Open incidents that no person acknowledged."""
    applied: str | None = None
    """The commit of the documents in force; empty if they have none; None if it could not be found out."""


def judge(it: Situation) -> list[Item]:
    """Both checklists, in order."""
    return [*_before(it), *_production(it)]


def _before(it: Situation) -> Iterator[Item]:
    yield _of("before", "services", it.ill, _ill(it.ill), "qb doctor says what to do about each")
    yield _of(
        "before",
        "objectives",
        it.objectives,
        None if it.objectives else "no objective is in force, so that no alert can fire",
        "add OpenSLO documents to the folder of `qb apply`",
        f"{it.objectives} in force",
    )
    yield from _alerts(it)
    yield _of(
        "before",
        "prices",
        it.unpriced,
        f"no price for {', '.join(it.unpriced or ())}" if it.unpriced else None,
        "add a row for each to the price book, then `qb prices check FILE`",
        "every backend has one",
    )
    yield from _tenants(it.tenants)
    yield from _transport(it.listens)
    yield _of(
        "before",
        "documents",
        it.applied,
        None if it.applied and not it.applied.endswith("-dirty") else _uncommitted(it.applied),
        "commit the documents, and run `qb apply -f DIR` in that work tree",
        f"from commit {(it.applied or '')[:12]}",
    )


def _production(it: Situation) -> Iterator[Item]:
    yield _backup(it)
    yield _receipts(it)
    yield _calibrations(it)
    yield _of(
        "production",
        "incidents",
        it.unacknowledged,
        f"{it.unacknowledged} open without an acknowledgement" if it.unacknowledged else None,
        "qb incident list; then qb incident ack INCIDENT",
        "each open one is acknowledged",
    )


def _of(
    stage: Literal["before", "production"], check: str, known: object, wrong: str | None, do: str, right: str = "ok"
) -> Item:
    if known is None:
        return Item(stage, check, "unknown", "could not be found out: is the stack up?", "qb up --detach, then again")
    return Item(stage, check, "missing", wrong, do) if wrong else Item(stage, check, "ok", right, "")


def _ill(ill: Sequence[str] | None) -> str | None:
    return f"need attention: {', '.join(ill)}" if ill else None


def _uncommitted(commit: str | None) -> str:
    return (
        f"differ from commit {commit[:12]}"
        if commit
        else "were not applied from a commit, so that no review shows them"
    )


def _alerts(it: Situation) -> Iterator[Item]:
    if it.alerts is None:
        yield _of("before", "pages", None, None, "")
        return
    for name, labels in (("pages", {"severity": "page"}), ("tickets", {"severity": "ticket"})):
        used = _receivers(it.alerts, labels)
        without = sorted(
            receiver
            for receiver in used
            if (secret := it.alerts.receiver[receiver].secret) is not None and secret not in it.alert_secrets
        )
        wrong = None
        if not used:
            wrong = "no route leads to a receiver: no person is notified"
        elif without:
            wrong = f"the secret of {', '.join(without)} is missing"
        do = "add a receiver and a route to the document `alerts`, its secret to secrets/alerts/, then `qb apply`"
        yield _of("before", name, used, wrong, do, f"to {', '.join(sorted(used))}")
    rotations = [its for its in it.alerts.rotation.values() if len(its.members) > 1]
    wrong = None if rotations else "no rotation has a second person: a page that is missed is lost"
    yield _of("before", "rotation", rotations, wrong, "add a rotation with two members or more", "with a second person")
    known = it.alerts.receiver
    late = [name for name in known if _age(it, (it.reached or {}).get(name)) > _REACHED_AGE]
    wrong = f"{', '.join(sorted(late))} got nothing within 31 days: it may not work" if late else None
    do = "send a test message to each: qb alerts test RECEIVER"
    if not known:
        wrong, do = "there is none", "add one to the document `alerts`, then `qb apply`"
    yield _of("before", "receivers", it.reached, wrong, do, "reached")


def _receivers(alerts: Alerts, labels: Mapping[str, str]) -> set[str]:
    """The receivers of alerts that have just these labels: routes that need more are for some alerts only."""
    found: set[str] = set()
    for route in alerts.route.values():
        if route.matches(labels):
            found |= {*route.receivers}
            if route.rotation is not None:
                found |= {*alerts.rotation[route.rotation].members}
    return found


def _tenants(tenants: Tenants | None) -> Iterator[Item]:
    names = {} if tenants is None else tenants.tenant
    without = sorted(
        name for name, it in names.items() if not any(budget.window != LIFETIME for budget in it.budget.values())
    )
    wrong = f"{', '.join(without)} has none with a window: a mistake can spend all" if without else None
    do = "qb tenant budget TENANT tenant AMOUNT --window month"
    yield _of("before", "budgets", tenants, wrong, do, "each tenant has one with a window")
    wrong = "tenant demo is there, with credentials of a first start" if "demo" in names else None
    yield _of("before", "demo", tenants, wrong, "qb tenant remove demo", "no tenant of a first start")


def _transport(listens: Mapping[str, str]) -> Iterator[Item]:
    plain = []
    for name, address in listens.items():
        parts = urlsplit(address)
        if parts.hostname not in (None, *_HERE) and parts.scheme not in _ENCRYPTED:
            plain.append(f"{name} at {address}")
    wrong = f"without TLS beyond this machine: {', '.join(plain)}" if plain else None
    do = "set certificates for these, or let a proxy end TLS on this machine"
    yield _of("before", "TLS", listens or None, wrong, do, "nothing plain beyond this machine")


def _backup(it: Situation) -> Item:
    if it.backed_up is None:
        wrong: str | None = "there never was one"
    else:
        days = (it.now - it.backed_up) // timedelta(days=1)
        wrong = f"the last one is {days} days old" if it.now - it.backed_up > _BACKUP_AGE else None
    return _of("production", "backup", it.now, wrong, "qb backup FOLDER, each day, to another machine", "within 7 days")


def _receipts(it: Situation) -> Item:
    do = "qb status: is provenance ready? Then qb receipt verify latest"
    if it.sealed == 0 and not it.unsealed:
        return Item("production", "receipts", "unknown", "no job has ended yet", "qb submit FILE --wait, then again")
    wrong = None
    if it.unsealed:
        wrong = f"{it.unsealed} jobs ended over an hour ago, and have no receipt"
    elif it.receipt:
        wrong = f"the newest one does not verify: {it.receipt}"
    known = None if it.unsealed is None or it.receipt is None else True
    return _of("production", "receipts", known, wrong, do, f"{it.sealed}, and the newest verifies")


def _calibrations(it: Situation) -> Item:
    devices = [backend for backend in it.backends or () if backend.kind != "simulator"]
    old = sorted(its.name for its in devices if _age(it, its.calibrated_at) > _CALIBRATION_AGE)
    wrong = f"older than 24 hours, or none: {', '.join(old)}" if old else None
    do = "docs/runbooks/calibration-freshness.md; an emulated device has that of its snapshot"
    return _of("production", "calibrations", it.backends, wrong, do, f"{len(devices)} devices, all within 24 hours")


def _age(it: Situation, at: datetime | None) -> timedelta:
    return timedelta.max if at is None else it.now - at
