"""One simulation: a seed decides on the faults and on everything else; the same seed gives the same log."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from queuebit_contracts.job import TERMINAL
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.subjects import parse
from queuebit_contracts.topology import LOG
from queuebit_runtime.collector import without_collection
from queuebit_runtime.keys import seed_of
from queuebit_simulation.checks import faults_of
from queuebit_simulation.clients import Member, members, tenants_document
from queuebit_simulation.faults import Faults
from queuebit_simulation.loop import Deadlock, Node, VirtualLoop
from queuebit_simulation.network import Network
from queuebit_simulation.plan import Plan, plan_of
from queuebit_simulation.server import MemoryServer
from queuebit_simulation.services import Services, declared, served, settings
from queuebit_simulation.streams import StoredMessage
from queuebit_simulation.world import simulated
from queuebit_stack.bootstrap import default_price_book

__all__ = ["Outcome", "simulate"]

_DRAIN_S: Final = 400.0
"""The longest that the system may take to finish its work after the last fault."""
_LOOK_S: Final = 0.5


@dataclass(slots=True)
class Outcome:
    """What came of a seed."""

    seed: int
    plan: Plan
    faults: list[str] = field(default_factory=list)
    """What is wrong; empty if all invariants hold."""
    digest: str = ""
    """Of the whole log."""
    jobs: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    """How many jobs ended in which way."""
    steps: int = 0
    lasted_s: float = 0.0
    """In the time of the simulation."""
    injected: dict[str, int] = field(default_factory=dict)
    """Faults that the network and the processes had, by kind."""
    runs_again: int = 0
    """Runs of circuits that were made more than once."""
    log: list[StoredMessage] = field(default_factory=list)


def simulate(seed: int, plan: Plan | None = None) -> Outcome:
    """Simulate one seed."""
    with _folder() as folder, without_collection():  # when it runs depends on more than the seed
        return _Run(seed, plan or plan_of(seed), folder).outcome(seed)


class _Run:
    def __init__(self, seed: int, plan: Plan, folder: Path) -> None:
        random = Random(seed)
        self._random = random
        self.plan = plan
        self.loop = VirtualLoop(_further(random))  # type: ignore[abstract]  # it has what asyncio uses
        self.supervisor = Node("supervisor")
        self.server_node = Node("server")
        self.server = MemoryServer(declared(), self.loop, direct_lag_s=plan.lag_s)
        self.network = Network(self.loop, self.server, self.server_node, _further(random))
        environment = settings(folder, *_inputs(folder))
        self.services = Services(self.loop, self.network, environment, self._skew, self.supervisor, plan.processes)
        self.faults = Faults(plan, self.loop, self.network, self.services, _further(random))
        self.members = [
            Member(it, self.network, _further(random), jobs=plan.jobs, spread_s=plan.faults_s * 0.8) for it in members()
        ]

    def outcome(self, seed: int) -> Outcome:
        found: list[str] = []
        with simulated(self.loop, self.network, _further(self._random)):
            try:
                self.loop.run(self.supervisor, self._whole())
                found += self.loop.run(
                    self.supervisor, faults_of(self.server, self.network, self.services, self.members)
                )
            except (Deadlock, Undone) as error:
                found.append(str(error))
            finally:
                self.loop.end()
        log = [*self.server.streams[LOG].messages.values()]
        return Outcome(
            seed,
            self.plan,
            faults=found + self.loop.errors,
            digest=_digest(log),
            jobs=sum(event == "submitted" for event in _events_of_jobs(log)),
            ends=Counter(event for event in _events_of_jobs(log) if event in TERMINAL),
            log=log,
            steps=self.loop.steps,
            lasted_s=self.loop.time(),
            injected=self.faults.injected,
            runs_again=len(self.services.runs) - len({*self.services.runs}),
        )

    def _skew(self) -> float:
        return self._random.uniform(-self.plan.skew_s, self.plan.skew_s)

    async def _whole(self) -> None:
        for it in self.services.processes:
            it.start()
        await self._until(lambda: all(it.ready for it in self.services.processes), 60.0)
        loop = asyncio.get_running_loop()
        clients = [loop.create_task(it.run(), context=Node(f"client {n}").context) for n, it in enumerate(self.members)]
        injecting = loop.create_task(self.faults.run())
        await asyncio.sleep(self.plan.faults_s)
        injecting.cancel()
        self.faults.end()
        await asyncio.gather(*clients)
        await self._until(self._is_drained, _DRAIN_S)

    async def _until(self, condition: Callable[[], str | bool], most_s: float) -> None:
        """Wait for a condition, which is met when it returns True, and otherwise may say what is missing."""
        until = self.loop.time() + most_s
        while (met := condition()) is not True:
            if self.loop.time() > until:
                raise Undone(f"{met or 'not all services are ready'} after {most_s:g} s without faults")
            await asyncio.sleep(_LOOK_S)

    def _is_drained(self) -> str | bool:
        if waiting := self.server.unsettled(served(declared())):
            return f"messages wait: {waiting}"
        newest = self.server.streams[LOG].newest
        for subject in newest:
            address = parse(subject)
            if address.noun == "job" and address.event == "submitted":
                job = job_aggregate(address.tenant, address.id)
                if not any(job.event(it) in newest for it in TERMINAL):
                    return f"{job.prefix} has no end"
                if job.event("sealed") not in newest:
                    return f"{job.prefix} has no receipt"
        return True


class Undone(Exception):  # no fault of the program
    """The system did not finish its work."""


def _further(random: Random) -> Random:
    """A sequence of random numbers of its own: more of one change nothing of another."""
    return Random(random.getrandbits(64))


def _events_of_jobs(log: Iterable[StoredMessage]) -> Iterator[str]:
    return (address.event for it in log if (address := parse(it.subject)).noun == "job")


def _digest(log: Iterable[StoredMessage]) -> str:
    digest = hashlib.sha256()
    for it in log:
        head = f"{it.sequence} {it.subject} {it.stored_ns} {sorted(it.headers.items())}\n"
        digest.update(head.encode() + it.body + b"\n")
    return digest.hexdigest()


def _inputs(folder: Path) -> tuple[Path, Path, Path]:
    """The files that the services begin with: a key, prices, and tenants."""
    seed_file, tenants = folder / "bus.seed", folder / "tenants.toml"
    seed_file.touch(mode=0o600)
    seed_file.write_text(seed_of(b"simulation".ljust(32, b"-")))
    tenants.write_text(tenants_document())
    return seed_file, default_price_book(), tenants


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder in memory, where there is one."""
    memory = Path("/dev/shm")  # noqa: S108  # the folder in it has a random name
    path = Path(tempfile.mkdtemp(prefix="queuebit-simulation-", dir=memory if memory.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
