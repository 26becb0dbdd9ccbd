"""The bus, the warehouse, metering and telemetry of a home, as `qb up` starts them: restarted when they end."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.billing import metering
from tests.billing.book import book_text

from queuebit_audit import Target
from queuebit_audit.sources import Warehouse
from queuebit_contracts.tenants import parse_tenants
from queuebit_pricing import PriceBook, load
from queuebit_proof import KeyRing
from queuebit_stack.bootstrap import bootstrap, keep_tenants, write_logins, write_nats_config
from queuebit_stack.home import Home
from queuebit_stack.ports import auto
from queuebit_stack.process import Identity
from queuebit_stack.process_specs import NATS, WAREHOUSE, Spec, process_specs
from queuebit_stack.stack import Running, Stack
from queuebit_stack.topology_setup import lay_out
from queuebit_stack.warehouse import analyst_of

__all__ = ["KILLED", "Processes"]

METERING, TELEMETRY = "metering", "telemetry"
KILLED = (METERING, NATS, WAREHOUSE, TELEMETRY)
WRITER, PASSWORD = "drill", "drill"  # of a server that only this machine reaches, for minutes
_ROOT = Path(__file__).parents[2]
_RESTART_S = 0.3


class Processes:
    """A home with four of its processes."""

    def __init__(self, folder: Path, dates: Callable[[], float], plant: Mapping[str, str]) -> None:
        """Prepare the home.

        Args:
            folder: of the home.
            dates: how many seconds metering's clock is behind, asked at each of its starts.
            plant: environment of a planted fault.
        """
        self.home = Home(folder)
        self.kills: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        """When each was last started, by the monotonic clock."""
        self._dates, self._plant = dates, plant
        self._ports = auto({})
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._prepare()
        self._specs = {it.name: it for it in process_specs(self.home, self._ports) if it.name in KILLED}

    def _prepare(self) -> None:
        bootstrap(self.home)
        self.home.price_book.write_text(book_text())
        tenants = parse_tenants(self.home.tenants_file.read_text())
        keep_tenants(self.home)
        write_logins(self.home, tenants)
        write_nats_config(self.home, self._ports, tenants)
        user = f' users: [ {{ user: {WRITER}, password: "{PASSWORD}" }}'
        config = self.home.nats_config.read_text().replace(" users: [", user, 1)
        config = config.replace("auth_users: [", f"auth_users: [{WRITER}, ", 1)
        self.home.nats_config.write_text(config)

    @property
    def bus_url(self) -> str:
        return f"nats://127.0.0.1:{self._ports[NATS]}"

    @property
    def book(self) -> PriceBook:
        return load(self.home.price_book)

    def target(self) -> Target:
        """What a verification needs."""
        analyst = analyst_of(self.home)
        keys = KeyRing.open(self.home.provenance / "keys", "drill.example/log", datetime.now(UTC))
        warehouse = Warehouse(f"http://127.0.0.1:{self._ports[WAREHOUSE]}", analyst.user, analyst.password)
        seed = self.home.seed_file("operator").read_text().strip()
        return Target(self.bus_url, seed, warehouse, self.book, keys.trust, self.home.credentials)

    async def start(self) -> None:
        """Start all: the bus first, with its streams."""
        self._start(NATS)
        await asyncio.to_thread(lay_out, self.home, self._ports[NATS], lambda: False)
        for name in (WAREHOUSE, METERING, TELEMETRY):
            self._start(name)

    async def keep(self) -> None:
        """Restart what ends, until cancelled."""
        while True:
            await asyncio.sleep(_RESTART_S)
            for name, process in list(self._running.items()):
                if process.poll() is not None:
                    self._start(name)

    async def kill_at_random(self, seed: int, every_s: float, allowed: Callable[[], bool]) -> None:
        """Kill with SIGKILL at random moments, until cancelled: often one, at times two at once.

        All four are ready before each kill. A machine with other work would else spend its time on their starts.
        """
        pick, round_ = random.Random(seed), list[str]()
        while True:
            await self.until_ready()
            await asyncio.sleep(pick.uniform(0.2, 1.8) * every_s)
            for _ in range(pick.choice((1, 1, 2))):
                round_ = round_ or pick.sample(KILLED, len(KILLED))
                if allowed() and self.kill(round_[-1]):
                    round_.pop()

    async def until_ready(self) -> None:
        """Wait until all four are ready."""
        while True:
            looks = [await asyncio.to_thread(it.look) for it in self._specs.values()]
            if all(it.ready for it in looks):
                return
            await asyncio.sleep(_RESTART_S)

    def kill(self, name: str) -> bool:
        """Kill a process; return whether it ran."""
        process = self._running[name]
        if process.poll() is not None:
            return False
        process.kill()
        self.kills[name] += 1
        return True

    async def end(self) -> None:
        """End all, the bus last."""
        for name in (METERING, TELEMETRY, WAREHOUSE, NATS):
            if (process := self._running.pop(name, None)) is not None:
                process.kill()
                with suppress(subprocess.TimeoutExpired):
                    await asyncio.to_thread(process.wait, 10)

    def _start(self, name: str) -> None:
        spec = self._specs[name] if name != METERING else self._metering(self._specs[name])
        with self.home.log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                spec.argv, env=spec.environment, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.seconds[name] = time.monotonic()
        listens = {it.name: it.listens for it in self._specs.values()}
        processes = {it: Running.of(Identity.of(process.pid)) for it, process in self._running.items()}
        Stack(state="up", ports=self._ports, listens=listens, processes=processes).save(self.home)

    def _metering(self, spec: Spec) -> Spec:
        env = {**spec.env, metering.BEHIND: str(self._dates()), **self._plant}
        return replace(spec, argv=(sys.executable, "-m", "tests.billing.metering"), env=env)
