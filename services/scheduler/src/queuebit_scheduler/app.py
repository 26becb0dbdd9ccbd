"""Builds the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from socket import gethostname

from queuebit_contracts.topology import SCHEDULING, topology
from queuebit_kernel import SystemClock
from queuebit_runtime.bucket import Bucket
from queuebit_runtime.lease import Lease
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.view import View, fold_events
from queuebit_scheduler.adapters import StoredDecisions
from queuebit_scheduler.expiring import ExpireJobs
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.folding import Folding
from queuebit_scheduler.handlers import AnswerWaiting, PlaceJobs
from queuebit_scheduler.isolating import IsolateBackends
from queuebit_scheduler.leading import SERVICE, Leadership
from queuebit_scheduler.liveness import WatchBackends, limits_of, over_bus
from queuebit_scheduler.outages import ReportOutages
from queuebit_scheduler.rescoring import RescoreJobs
from queuebit_scheduler.reservations import KeepSlots
from queuebit_scheduler.routes import isolations, queries
from queuebit_scheduler.settings import Settings
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduler.state import State
from queuebit_scheduler.withdrawing import WithdrawJobs
from queuebit_scheduling import POLICY, BackendCapacity, period_for
from queuebit_scheduling.registry import POLICIES

__all__ = ["create_app"]


def create_app() -> Service:
    """Build the service from the environment."""
    settings, clock = Settings(), SystemClock()
    bus = BusSettings()
    service = Service(SERVICE, bus)
    name = settings.name or f"{gethostname()}:{bus.health_port}"
    lease = Lease(Bucket(service.bus, SCHEDULING), name, settings.lease_s, clock)
    leading = Leadership(lease, service.log, name)
    policy, aged_us = POLICIES[settings.policy or POLICY.name], round(settings.aged_s * 1e6)
    state = State(settings.places_per_slot, policy, period_for(settings.half_life_s), aged_us)
    payloads = KeyValuePayloads(service.bus)
    decisions = StoredDecisions(payloads)
    shadows = ShadowPolicies(service.log, clock, lambda: leading.leads)
    place = PlaceJobs(state, service.log, decisions, clock, service.bus.tracing, lambda: leading.term, shadows)
    withdraw = WithdrawJobs(state, service.log, clock, lambda: leading.leads)

    def rescored() -> None:
        place.wake()
        withdraw.wake()

    rescore = RescoreJobs(payloads, state.rescore, rescored)
    expire = ExpireJobs(state, service.log, clock, lambda: leading.leads)
    folding = Folding(state, rescore, shadows, place.wake, leading, expire)
    subjects, snapshot = topology().service[SERVICE].view, service.snapshot(folding)
    view = View(service.bus, SERVICE, subjects, fold_events(folding.evolve), snapshot=snapshot)
    service.views.append(view)
    limits = limits_of(settings.silence_s, settings.return_s)
    report = ReportOutages(state, service.log, limits, lambda: leading.leads)
    watch = WatchBackends(state, over_bus(service.bus), clock, limits, report=report, wake=place.wake)
    service.include(queries(AnswerWaiting(state, clock), ExplainJob(service.log, decisions), watch.answer))
    service.work += [lease.hold, partial(leading.run, view.reached, place.wake)]
    service.include(isolations(IsolateBackends(state, service.log, place.turn, lambda: leading.leads, place.wake)))
    slots = KeepSlots(state, service.log, clock, lambda: leading.leads, place.wake)
    service.work += [place.run, place.tick, watch.run, rescore.run, shadows.run, slots.run, expire.run, withdraw.run]
    service.draining.append(leading.leave)
    service.detail = lambda: {
        "waiting": state.waiting,
        "outstanding": state.outstanding,
        "shadows": shadows.running,
        "leads": int(leading.leads),
    }
    _measure(service.metrics, state, leading)
    return service


def _measure(metrics: Metrics, state: State, leading: Leadership) -> None:
    """Of several processes the leader alone says what there is: a sum over all of them is right."""

    def backends(read: Callable[[BackendCapacity], float]) -> Callable[[], dict[tuple[str, ...], float]]:
        return lambda: {(name,): read(it) for name, it in state.backends().items()} if leading.leads else {}

    gauge = metrics.gauge
    gauge("queuebit_scheduler_leads", "1 if this process places jobs.", lambda: leading.leads)
    waiting, outstanding = "Accepted jobs without a place.", "Jobs with a place that have not ended."
    gauge("queuebit_jobs_waiting", waiting, lambda: state.waiting if leading.leads else 0)
    gauge("queuebit_jobs_outstanding", outstanding, lambda: state.outstanding if leading.leads else 0)
    gauge(
        "queuebit_backend_slots", "Jobs that a backend runs at the same time.", backends(lambda it: it.slots), "backend"
    )
    gauge(
        "queuebit_backend_jobs",
        "Placed jobs of a backend that have not ended.",
        backends(lambda it: it.taken),
        "backend",
    )
    gauge(
        "queuebit_backend_backlog_seconds",
        "Expected run time of the placed jobs of a backend.",
        backends(lambda it: it.backlog_us / 1e6),
        "backend",
    )
    gauge(
        "queuebit_backend_silent",
        "1 if the executor of a backend counts as stopped: it does not answer.",
        backends(lambda it: it.silent_since_us is not None),
        "backend",
    )
