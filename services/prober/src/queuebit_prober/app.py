"""Where the objects of the prober meet."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from queuebit.client import AsyncClient
from queuebit.credentials import load
from queuebit_contracts.probe_documents import Probes
from queuebit_kernel import SystemClock
from queuebit_prober.handlers import RunProbes
from queuebit_prober.reruns import RunAgain
from queuebit_prober.settings import Settings
from queuebit_prober.state import Consents, Newest
from queuebit_probes.document import parse_probes
from queuebit_runtime.analyst import Warehouse
from queuebit_runtime.secrets import read_secret
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.stored import Stored
from queuebit_runtime.view import View, fold_events

__all__ = ["Prober", "create_app"]


class Prober(Service):
    """The service: a client of the platform with a schedule."""

    def __init__(self, bus: BusSettings, settings: Settings) -> None:
        super().__init__("prober", bus)
        document, newest, consents = _document(settings.document), Newest(), Consents()

        def fold(stored: Stored) -> None:
            newest.take(stored)
            consents.take(stored)

        self.views.append(View(self.bus, self.name, self.topology.service[self.name].view, fold_events(fold)))
        is_idle = not document.probe and not document.reruns.per_day
        if is_idle or settings.credential is None or not settings.credential.exists():
            self.detail = lambda: {"probes": len(document.probe), "off": "set up with `qb probe setup`"}
            return
        client = AsyncClient(load(settings.credential), url=bus.url)
        self._run = RunProbes(
            self.log,
            newest,
            document,
            client,
            SystemClock(),
            self.tasks.spawn,
            settings.document.parent if settings.document else None,
        )
        self._every_s = settings.every_s
        self._again: RunAgain | None = None
        if settings.warehouse_password_file is not None:
            password = read_secret(settings.warehouse_password_file)
            warehouse = Warehouse(settings.warehouse_url, settings.warehouse_user, password)
            self._again = RunAgain(self.log, newest, consents, document.reruns, warehouse, client, SystemClock())
            self.work.append(partial(self._rounds, self._again))
        self.work.append(partial(self._rounds, self._run))
        self.after.append(client.close)
        self.detail = lambda: (
            {"probes": len(document.probe), "running": self._run.running, **newest.count()}
            | ({"waits": self._run.trouble} if self._run.trouble else {})
            | ({"reruns": self._again.trouble} if self._again and self._again.trouble else {})
        )

    async def _rounds(self, run: RunProbes | RunAgain) -> None:
        while True:
            await run()
            await asyncio.sleep(self._every_s)


def _document(file: Path | None) -> Probes:
    """The document; an empty one if there is no such file."""
    try:
        return Probes() if file is None else parse_probes(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Probes()


def create_app() -> Prober:
    """Build the service from its environment."""
    return Prober(BusSettings(), Settings())
