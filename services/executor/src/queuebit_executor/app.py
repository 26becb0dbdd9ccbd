"""Where an executor's objects meet."""

from __future__ import annotations

import os
import socket
from functools import partial

from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.announce import AnnounceBackends
from queuebit_executor.answers import Described
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.policy import Allowance
from queuebit_executor.profiling import AnswerProfile
from queuebit_executor.recalibrate import Recalibrate
from queuebit_executor.remote import RunRemotely, RunWhereItIs
from queuebit_executor.routes import cancellations, liveness, placements, profiles, statements
from queuebit_executor.settings import Settings
from queuebit_executor.stated_usage import StateUsage
from queuebit_executor.vendor import ChildVendor
from queuebit_executor.watch import JobWatch
from queuebit_executor.zygote_client import ZygoteClient, ZygoteSettings
from queuebit_kernel import SystemClock, event_id
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings

__all__ = ["create_app"]


def create_app() -> Service:
    """Wire one executor; the SDK is loaded by its children only."""
    settings, clock = Settings(), SystemClock()
    service = Service(settings.service, BusSettings(), settings.topology)
    payloads = KeyValuePayloads(service.bus)
    plan = ZygoteSettings(
        settings.stack,
        settings.offered,
        settings.memory_mb,
        settings.threads,
        settings.start_seconds,
        settings.passed,
    )
    circuits = ChildCircuits(
        ZygoteClient(plan),
        service.tasks,
        slots=settings.slots,
        cores=settings.cores,
        profile_seconds=settings.profile_seconds,
        run_seconds=settings.run_seconds,
    )
    name = f"{settings.service}@{socket.gethostname()}:{os.getpid()}-{event_id()[:8]}"
    me = Instance(settings.stack, name, settings.slots, settings.memory_mb, settings.cores)
    allowance = Allowance(settings.memory_mb, settings.run_seconds)
    watch = JobWatch(service.log)
    offer = AnnounceBackends(service.log, payloads, circuits, clock, me=me)

    async def take_up() -> None:
        """Subscribe to queries first, so that each can be answered once a backend is announced."""
        offers = await circuits.open()
        service.after.append(circuits.close)
        answer = AnswerProfile(payloads, circuits, offers, clock, allowance)
        begin_s = settings.patience_seconds - settings.profile_seconds
        for router in (
            cancellations(watch),
            profiles(answer, settings.stack, service.bus.tracing, begin_s),
            liveness(settings.offered),
            statements(StateUsage(service.log, me=me)),
        ):
            service.include(router)
            await service.bus.start(router)
        await offer(offers)

        async def changed(described: Described) -> None:
            answer.offer(described)
            await offer((described,))

        recalibrate = Recalibrate(circuits, settings.calibration_seconds, changed)
        service.tasks.spawn(recalibrate.run(offers), "calibrations")

    service.before.append(take_up)
    service.trouble = circuits.trouble
    service.detail = lambda: {**circuits.detail(), "backends": ", ".join(settings.offered)}
    for backend, durable in settings.durables.items():
        here = RunPlacement(service.log, payloads, circuits, clock, watch, me=me)
        there = RunRemotely(
            service.log,
            payloads,
            circuits,
            clock,
            watch,
            me=me,
            vendor=ChildVendor(circuits),
            poll_s=settings.poll_seconds,
            give_up_s=settings.vendor_seconds,
        )
        run = RunWhereItIs(here, there, partial(circuits.remote, backend))
        service.include(placements(run, durable, settings.topology))
    return service
