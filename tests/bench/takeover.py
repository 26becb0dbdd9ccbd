"""Two schedulers on a real server: how long jobs wait for a placement after the leader is killed, stopped or cut off.

Jobs are accepted all the time. After each fault, the time is that to the first stored placement of the next term. At
the end, the log is read: each job has one placement, and none of an earlier term follows the begin of a later one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.bench.report import Report, percentile

from queuebit_contracts.backend import BackendRegistered, Registration
from queuebit_contracts.job import JobPlaced
from queuebit_contracts.leader import LeaderElected
from queuebit_contracts.topology import LOG
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.build import accepted
from queuebit_testing.server import NatsServer, free_port

__all__ = ["measure_takeover"]

_PAUSE_S = 10.0
"""How long a process is stopped or cut off: longer than three leases."""
_RATE_S = 0.02
"""Between two jobs."""


class _Cable:
    """A connection to the server that can be cut: nothing passes, and neither end learns of it."""

    def __init__(self, server: NatsServer) -> None:
        self.port = free_port()
        self._server = server
        self._whole = asyncio.Event()
        self._whole.set()
        self._listening: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
        for it in self._open:
            it.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        back, forth = await asyncio.open_connection("127.0.0.1", self._server.port)
        for source, target in ((reader, forth), (back, writer)):
            task = asyncio.ensure_future(self._carry(source, target))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while content := await source.read(65536):
                await self._whole.wait()
                target.write(content)
                await target.drain()
        target.close()


class _Scheduler:
    """One process and its cable."""

    def __init__(self, server: NatsServer, name: str) -> None:
        self.name = name
        self.cable = _Cable(server)
        self._health = free_port()
        self._environment = {
            **os.environ,
            "QUEUEBIT_BUS_URL": f"nats://127.0.0.1:{self.cable.port}",
            "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file("scheduler")),
            "QUEUEBIT_BUS_HEALTH_PORT": str(self._health),
            "QUEUEBIT_SCHEDULER_NAME": name,
            "QUEUEBIT_SCHEDULER_PLACES_PER_SLOT": "1024",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "queuebit_scheduler"]
        self.process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    def send(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    async def ended(self) -> None:
        while self.process is not None and self.process.poll() is None:
            await asyncio.sleep(0.02)

    async def detail(self) -> dict[str, int]:
        """Its health in numbers; empty while it does not answer."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._health)
            writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
            answer = (await asyncio.wait_for(reader.read(), 2)).partition(b"\r\n\r\n")[2]
            writer.close()
            health = json.loads(answer)
        except (OSError, TimeoutError, ValueError):
            return {}
        return dict(health["detail"]) if health["ready"] else {}


class _Drill:
    def __init__(self, server: NatsServer, broker: Bus, operator: Bus) -> None:
        self._log, self._operator = JetStreamLog(broker), operator
        self._server = server
        self.schedulers = [_Scheduler(server, name) for name in ("one", "two")]
        self.accepted = 0
        self._terms: dict[int, float] = {}
        """When the first placement of each term was stored."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        for it in self.schedulers:
            await it.cable.start()
            it.start()
        await self._operator.client.subscribe("qb.stored.*.*.placed.*", cb=self._on_placed)
        feeding = asyncio.ensure_future(self._feed())
        try:
            yield
        finally:
            feeding.cancel()
            for it in self.schedulers:
                it.send(signal.SIGCONT)
                it.send(signal.SIGKILL)
                it.cable.close()

    async def _on_placed(self, message: object) -> None:
        term = json.loads(message.data)["data"].get("term", 0)  # type: ignore[attr-defined]  # a message of nats-py
        self._terms.setdefault(term, time.monotonic())

    async def _feed(self) -> None:
        while True:
            await self._log.append(accepted(f"j{self.accepted}"))
            self.accepted += 1
            await asyncio.sleep(_RATE_S)

    async def fault(self, do: Callable[[_Scheduler], None], undo: Callable[[_Scheduler], Awaitable[None]]) -> float:
        """Harm the leader once both are ready; return the seconds to the first placement of a later term."""
        leading, term = await self._settled()
        began = time.monotonic()
        do(leading)
        while not (later := [at for it, at in self._terms.items() if it > term]):
            await asyncio.sleep(0.005)
        await undo(leading)
        return min(later) - began

    async def _settled(self) -> tuple[_Scheduler, int]:
        while True:
            details = [await it.detail() for it in self.schedulers]
            leading = [it for it, detail in zip(self.schedulers, details, strict=True) if detail.get("leads")]
            if all(details) and len(leading) == 1 and all(it["waiting"] < 10 for it in details):
                return leading[0], max(self._terms)
            await asyncio.sleep(0.05)

    async def verdict(self) -> str:
        """What the log has: jobs, placements, jobs with several, and placements of a term that was over."""
        log = JetStreamLog(self._operator)
        info = await self._operator.client.request(f"$JS.API.STREAM.INFO.{LOG}", b"", timeout=5)
        placed: Counter[str] = Counter()
        term, late = 0, 0
        for sequence in range(1, json.loads(info.data)["state"]["last_seq"] + 1):
            stored = await log.at(sequence)
            if stored is not None and isinstance(stored.event, LeaderElected):
                term = stored.event.data.term
            if stored is not None and isinstance(stored.event, JobPlaced):
                placed[stored.event.data.job] += 1
                late += stored.event.data.term != term
        twice = sum(it > 1 for it in placed.values())
        return f"{len(placed):,} jobs placed, {twice} twice, {late} in a term that was over; {term} terms"


async def _restarted(it: _Scheduler) -> None:
    await it.ended()
    it.start()


async def _continued(it: _Scheduler) -> None:
    await asyncio.sleep(_PAUSE_S / 2)
    it.send(signal.SIGCONT)


async def _mended(it: _Scheduler) -> None:
    await asyncio.sleep(_PAUSE_S / 2)
    it.cable.mend()


async def measure_takeover(report: Report, scale: float = 1.0) -> None:
    """Kill, stop, cut off and end the leader, again and again."""
    kills, others = max(2, round(20 * scale)), max(1, round(5 * scale))
    server = NatsServer(Path(tempfile.mkdtemp(prefix="queuebit-takeover-")))
    faults: tuple[tuple[str, int, Callable[[_Scheduler], None], Callable[[_Scheduler], Awaitable[None]]], ...] = (
        ("kill -9", kills, lambda it: it.send(signal.SIGKILL), _restarted),
        ("stopped for 5 s more, then it goes on", others, lambda it: it.send(signal.SIGSTOP), _continued),
        ("cut off from the server for 5 s more", others, lambda it: it.cable.cut(), _mended),
        ("ended in order", others, lambda it: it.send(signal.SIGTERM), _restarted),
    )
    async with server.running():
        broker, executor, operator = (
            Bus(name, server.url, server.seeds[name]) for name in ("broker", "executor-aer", "operator")
        )
        for bus in (broker, executor, operator):
            await bus.connect()
        data = Registration(
            backend="aer", stack="aer", vendor="bench", kind="simulator", qubits=30, max_shots=10**6, slots=64
        )
        await JetStreamLog(executor).append(BackendRegistered(source="qb/bench", data=data))
        drill = _Drill(server, broker, operator)
        async with drill.running():
            for what, times, do, undo in faults:
                took = [await drill.fault(do, undo) for _ in range(times)]
                figure = f"p50 {percentile(took, 0.5):.2f} s, worst {max(took):.2f} s"
                report.add(f"leader {what}, {times} times", figure, "floor: 5 s")
            await asyncio.sleep(1)
        report.add("afterwards in the log", await drill.verdict(), "0 twice, 0 in a term that was over")
        for bus in (broker, executor, operator):
            await bus.close()
