"""Builds the broker."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic

from queuebit_broker.adapters import BusExecutors, folding
from queuebit_broker.announcing import AnnounceBudgets
from queuebit_broker.answers import Answers
from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.delegating import DelegateKeys
from queuebit_broker.eligibility import Tariff
from queuebit_broker.erasing import EraseContents
from queuebit_broker.granting import ExpireGrants
from queuebit_broker.handlers import AdmitJob
from queuebit_broker.holding import Holding
from queuebit_broker.hybrids import AdmitHybridJobs, CancelByKind, StopHybridJobs
from queuebit_broker.key_sets import FetchedKeySets
from queuebit_broker.login_limit import LoginLimit
from queuebit_broker.logins import Logins
from queuebit_broker.profiles import Profiles
from queuebit_broker.refusals import Refusals
from queuebit_broker.reservation_requests import KeepReservations, PlanWindows
from queuebit_broker.routes import (
    delegations,
    erasures,
    hybrid_routes,
    queries,
    reservation_requests,
    revocations,
    routes,
    session_requests,
    tenancy,
    windows,
)
from queuebit_broker.screening import Screening
from queuebit_broker.session_requests import KeepSessions
from queuebit_broker.settings import Settings
from queuebit_broker.state import World
from queuebit_broker.tenancy import ApplyTenants
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants
from queuebit_contracts.topology import topology
from queuebit_kernel import SystemClock
from queuebit_pricing import load
from queuebit_protection import ProtectionDocument, Rules, parse_protection
from queuebit_runtime.callout import Callout
from queuebit_runtime.intake import Intake, Pace, Undecided
from queuebit_runtime.keys import is_account_seed
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.secrets import read_secret
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.view import View

__all__ = ["create_app"]

_QUERIES_AT_ONCE = 4
"""The most concurrent queries of one tenant; a plan may wait for an executor."""


def create_app() -> Service:
    """Build the process from its environment."""
    settings = Settings()
    tariff = Tariff(load(settings.price_book))
    service = Service("broker", BusSettings())
    clock, world, undecided = SystemClock(), World(), Undecided()
    subjects, snapshot = topology().service["broker"].view, service.snapshot(world)
    view = View(service.bus, "broker", subjects, folding(world, undecided), snapshot=snapshot)
    profiles = Profiles(BusExecutors(service.bus, settings.profile_timeout_s), world)
    apply_tenants = ApplyTenants(service.log, view, world)
    holding = Holding(service.log, view, world)
    store = KeyValuePayloads(service.bus)
    screening = Screening(Rules(_protection(settings.protection)), store)
    admit = AdmitJob(
        log=service.log,
        follower=view,
        world=world,
        profiles=profiles,
        tariff=tariff,
        clock=clock,
        max_source_bytes=settings.max_source_bytes,
        holding=holding,
        flags=screening.flags,
    )
    sessions = KeepSessions(log=service.log, follower=view, world=world, tariff=tariff, clock=clock, holding=holding)
    answers = Answers(world, profiles, tariff, clock, settings.max_source_bytes)

    access = service.counted()
    refusals = Refusals(access, world)

    async def forward_writes() -> None:
        intake = Intake(
            service.name,
            service.tasks,
            Pace(settings.writes_per_s),
            undecided,
            screening.refusal,
            refusals.message,
            world.erasable,
        )
        await intake.listen(service.bus.client)

    service.views.append(view)
    service.connected.append(forward_writes)
    service.before.append(
        partial(apply_tenants.start, partial(_first_tenants, settings.tenants_file), by="first start")
    )
    service.detail = lambda: {
        "backends": len(world.registered()),
        "tenants": len(world.directory.tenant),
        "prices": tariff.digest,
    }
    service.metrics.gauge("queuebit_backends_registered", "Known backends.", lambda: len(world.registered()))
    service.metrics.gauge("queuebit_tenants_registered", "Known tenants.", lambda: len(world.directory.tenant))
    service.bus.separate_tenants("broker-submitted", settings.workers)
    service.bus.separate_tenants("broker-commands", 4)
    service.include(queries(answers, side_by_side=_QUERIES_AT_ONCE, access=access))
    service.include(tenancy(apply_tenants))
    key_sets = FetchedKeySets(settings.private_issuer_hosts, monotonic)
    keys = DelegateKeys(log=service.log, follower=view, world=world, key_sets=key_sets, clock=clock)
    if settings.login_seed_file is not None:
        logins = Logins(world, keys.keys_for, clock, topology(), settings.staff_tenant)
        limited = LoginLimit(logins, settings.failed_logins_per_min, monotonic, refusals.login)
        callout = Callout(service.name, service.tasks, _login_seed(settings.login_seed_file), limited, clock)
        service.before.append(lambda: callout.listen(service.bus.client))
    service.include(delegations(keys, side_by_side=_QUERIES_AT_ONCE, answered=refusals.request))
    service.include(revocations(keys, side_by_side=_QUERIES_AT_ONCE, answered=refusals.request))
    service.include(session_requests(sessions, side_by_side=_QUERIES_AT_ONCE, answered=refusals.request))
    reservations = KeepReservations(
        log=service.log, follower=view, world=world, tariff=tariff, clock=clock, holding=holding
    )
    service.include(reservation_requests(reservations, side_by_side=_QUERIES_AT_ONCE, answered=refusals.request))
    service.include(erasures(EraseContents(service.log, view, world, store)))
    service.include(windows(PlanWindows(service.log, view, world, clock)))
    service.work.append(sessions.run)
    service.work.append(ExpireGrants(service.log, view, world, clock).run)
    service.work.append(AnnounceBudgets(service.log, world, clock).run)
    cancel = CancelByKind(CancelJobs(service.log, view, world), StopHybridJobs(service.log, view, world))
    service.include(routes(admit, cancel))
    service.include(hybrid_routes(AdmitHybridJobs(service.log, view, world, tariff, clock, holding, screening.flags)))
    return service


def _protection(file: Path | None) -> ProtectionDocument:
    """The rules; none if there is no such file."""
    try:
        return ProtectionDocument() if file is None else parse_protection(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ProtectionDocument()


def _login_seed(file: Path) -> str:
    if not is_account_seed(seed := read_secret(file)):
        raise ValueError(f"{file} does not hold the seed of an account")
    return seed


def _first_tenants(file: Path | None) -> Tenants:
    if file is None:
        return Tenants()
    try:
        return parse_tenants(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadTenants(f"{file} cannot be read: {error}") from error
