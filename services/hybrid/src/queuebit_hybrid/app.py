"""Where the objects of the hybrid service meet."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

from queuebit.bus_transport import BusTransport
from queuebit_contracts.hybrid import HybridStopRequested
from queuebit_contracts.wire import UnknownEvent
from queuebit_hybrid.adapters import ChildRuns
from queuebit_hybrid.answers import Answers
from queuebit_hybrid.folders import remove_abandoned
from queuebit_hybrid.handlers import RunHybridJobs
from queuebit_hybrid.keys import JobKeys
from queuebit_hybrid.rejections import EndRejected
from queuebit_hybrid.routes import queries, routes
from queuebit_hybrid.rows import Rows
from queuebit_hybrid.running import Runner
from queuebit_hybrid.settings import Settings
from queuebit_hybrid.usage_file import UsageFiles
from queuebit_kernel import SystemClock
from queuebit_protection import ProtectionDocument, Rules, parse_protection
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.stored import Stored
from queuebit_runtime.view import View, fold_events

__all__ = ["create_app"]


def create_app() -> Service:
    """Build the service from its environment."""
    settings, bus = Settings(), BusSettings()
    service = Service("hybrid", bus)
    keys, rules = JobKeys(bus.seed_of("hybrid")), Rules(_protection(settings.protection))
    runner = Runner(settings, keys, BusTransport(service.bus), service.topology, rules)
    runs = ChildRuns(service.bus, runner)
    run = RunHybridJobs(
        service.log,
        KeyValuePayloads(service.bus),
        runs,
        UsageFiles(settings.data_dir),
        f"hybrid-{os.getpid()}",
        settings.slots,
    )
    service.include(routes(run, EndRejected(service.log, runs)))
    rows = Rows()

    def take(stored: Stored) -> None:
        if not isinstance(stored.event, UnknownEvent):
            rows.take(stored)
            if isinstance(stored.event, HybridStopRequested):
                run.stop(stored.event.data.tenant, stored.event.data.hybrid)

    service.views.append(View(service.bus, "hybrid", service.topology.service["hybrid"].view, fold_events(take)))
    service.include(queries(Answers(runner, rows)))
    service.before.append(partial(asyncio.to_thread, remove_abandoned, SystemClock()))
    service.ending.append(run.close)
    service.detail = lambda: {"running": run.number, "isolated": int(runner.refusal() is None and not settings.unsafe)}
    service.metrics.gauge("queuebit_hybrid_jobs_running", "Hybrid jobs that run here.", lambda: run.number)
    return service


def _protection(file: Path | None) -> ProtectionDocument:
    """The rules; none if there is no such file."""
    try:
        return ProtectionDocument() if file is None else parse_protection(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ProtectionDocument()
