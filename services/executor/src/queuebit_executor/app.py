"""Where an executor's objects meet."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.announce import AnnounceBackends
from queuebit_executor.answers import Described
from queuebit_executor.child_sandbox import Rights
from queuebit_executor.degradations import Degradations
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.isolations import Isolations
from queuebit_executor.memory_shares import MemoryShares, most_memory_mb
from queuebit_executor.policy import Allowance
from queuebit_executor.ports import Vendor
from queuebit_executor.profiling import AnswerProfile
from queuebit_executor.queues import ReadQueues
from queuebit_executor.recalibrate import Recalibrate
from queuebit_executor.remote import RunRemotely, RunWhereItIs
from queuebit_executor.routes import cancellations, liveness, placements, profiles, statements
from queuebit_executor.settings import Settings
from queuebit_executor.stated_usage import StateUsage
from queuebit_executor.suspicion import Drifts
from queuebit_executor.vendor import ChildVendor
from queuebit_executor.vendor_pace import PacedVendor
from queuebit_executor.watch import JobWatch
from queuebit_executor.zygote_client import ZygoteClient, ZygoteSettings
from queuebit_kernel import Clock, SystemClock, event_id
from queuebit_planning.token_bucket import TokenBucket
from queuebit_runtime.machine_memory import machine_memory_bytes
from queuebit_runtime.payloads import KeyValuePayloads, PayloadStore
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.stored import Stored
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.view import View, fold_events

__all__ = ["create_app"]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the use cases of one executor share."""

    settings: Settings
    service: Service
    circuits: ChildCircuits
    payloads: PayloadStore
    clock: Clock
    watch: JobWatch
    drifts: Drifts
    isolations: Isolations
    degradations: Degradations
    me: Instance
    vendor: Vendor
    """Shared by all backends: a vendor limits the calls of a credential."""
    calls: TokenBucket | None
    """The limit of calls to it; None: there is none."""


def create_app() -> Service:
    """Wire one executor; the SDK is loaded by its children only."""
    settings, bus = Settings(), BusSettings()
    service = Service(settings.service, bus, settings.topology)
    circuits = _circuits(settings, bus.seed_path(settings.service), service.tasks)
    calls = None if settings.calls_per_minute is None else TokenBucket(settings.calls_per_minute)
    parts = _Parts(
        settings=settings,
        service=service,
        circuits=circuits,
        payloads=KeyValuePayloads(service.bus),
        clock=SystemClock(),
        watch=JobWatch(service.log),
        drifts=Drifts(),
        isolations=Isolations(),
        degradations=Degradations(),
        me=_instance(settings),
        vendor=ChildVendor(circuits) if calls is None else PacedVendor(ChildVendor(circuits), calls, monotonic),
        calls=calls,
    )
    view = service.topology.service[settings.service].view

    def fold(stored: Stored) -> None:
        parts.drifts.take(stored)
        parts.isolations.take(stored)
        parts.degradations.take(stored)

    service.views.append(View(service.bus, settings.service, view, fold_events(fold)))
    service.first.append(partial(_load, parts))
    service.before.append(partial(_open, parts))
    service.trouble = circuits.trouble
    service.detail = lambda: {**circuits.detail(), "backends": ", ".join(settings.offered)}
    service.metrics.gauge(
        "queuebit_executor_idle_runners", "Children that wait for a circuit to run.", circuits.idle_runners, "backend"
    )
    for backend, durable in settings.durables.items():
        service.include(placements(_run(parts, backend), durable, settings.topology))
    return service


def _circuits(settings: Settings, seed_file: Path | None, tasks: Tasks) -> ChildCircuits:
    """The children, which are started later."""
    plan = ZygoteSettings(
        settings.stack,
        settings.offered,
        settings.memory_mb,
        settings.threads,
        settings.start_seconds,
        settings.passed,
        Rights(
            settings.network,
            settings.readable,
            settings.writable,
            settings.programs,
            settings.sandbox,
            keys=() if seed_file is None else (str(seed_file.resolve()),),
        ),
    )
    return ChildCircuits(
        ZygoteClient(plan),
        tasks,
        slots=settings.slots,
        cores=settings.cores,
        kept=settings.kept,
        idle_bytes=settings.idle_bytes,
        memory=MemoryShares(most_memory_mb(machine_memory_bytes())),
        profile_seconds=settings.profile_seconds,
        run_seconds=settings.run_seconds,
    )


def _instance(settings: Settings) -> Instance:
    name = f"{settings.service}@{socket.gethostname()}:{os.getpid()}-{event_id()[:8]}"
    return Instance(
        settings.stack,
        name,
        settings.slots,
        settings.memory_mb,
        settings.cores,
        settings.control_groups,
        settings.region,
        settings.regions,
        f"queuebit {version('queuebit-executor')}",
        settings.image,
        specifications=settings.specifications,
    )


def _run(it: _Parts, backend: str) -> RunWhereItIs:
    """How the placements on one backend are run."""
    log = it.service.log
    here = RunPlacement(
        log,
        it.payloads,
        it.circuits,
        it.clock,
        it.watch,
        me=it.me,
        doubt=it.drifts.reason,
        isolations=it.isolations,
    )
    there = RunRemotely(
        log,
        it.payloads,
        it.circuits,
        it.clock,
        it.watch,
        me=it.me,
        vendor=it.vendor,
        poll_s=it.settings.poll_seconds,
        give_up_s=it.settings.vendor_seconds,
        doubt=it.drifts.reason,
        isolations=it.isolations,
    )
    return RunWhereItIs(here, there, partial(it.circuits.remote, backend))


async def _load(it: _Parts) -> None:
    """Begin to load the SDK, which takes longer than to connect."""
    await it.circuits.load()
    it.service.after.append(it.circuits.close)


async def _open(it: _Parts) -> None:
    """Start the children, answer queries, and then announce the backends: each can be asked about from then on."""
    settings, service = it.settings, it.service
    offers = await it.circuits.open()
    allowance = Allowance(settings.memory_mb, settings.run_seconds)
    answer = AnswerProfile(it.payloads, it.circuits, offers, it.clock, allowance)
    announce = AnnounceBackends(service.log, it.payloads, it.circuits, it.clock, me=it.me)

    async def changed(described: Described) -> None:
        answer.offer(described)
        await announce((described,))

    recalibrate = Recalibrate(it.circuits, settings.calibration_seconds, it.clock, changed, announce.failed)
    queues = ReadQueues(
        it.circuits,
        settings.queue_seconds,
        it.clock,
        lambda: 0.0 if it.calls is None else it.calls.wait(monotonic()),
    )
    for router in (
        cancellations(it.watch),
        profiles(answer, settings.stack, service.bus.tracing, settings.patience_seconds - settings.profile_seconds),
        liveness(settings.offered, recalibrate.newest, queues.state),
        statements(StateUsage(service.log, me=it.me)),
    ):
        service.include(router)
        await service.bus.start(router)
    await announce(offers)
    service.tasks.spawn(recalibrate.run(offers), "calibrations")
    service.tasks.spawn(queues.run(offers), "queues of vendors")
    service.tasks.spawn(it.degradations.run(it.circuits, settings.offered, changed), "elements")
