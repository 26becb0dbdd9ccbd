"""A fault drill: several clients submit jobs while faults strike a running stack; then the checks.

Every job must have its result and a receipt that verifies offline, every invariant must hold, and the warehouse's
invoice of each tenant must have the lines that the raw log gives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from tests.faults.asking import answer_of
from tests.faults.strikes import Struck

from queuebit import AsyncClient, AsyncJob, QueuebitError, Refused
from queuebit.credentials import find
from queuebit_audit.inspection import following
from queuebit_audit.sources import Bus
from queuebit_runtime.view import Raw, View
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.naive_invoices import Message, naive_lines

T = TypeVar("T")

SHOTS = 200
BACKENDS = ("aer", "cirq", "emulated-ibm-manila", None)
TENANTS = ("demo", "lab")
CLIENTS_EACH = 2
REPEAT_EVERY = 7
"""Another client of the tenant submits every seventh job again with the same key."""
IN_FLIGHT = 256
TIMEOUT_S = 600.0


@dataclass
class Report:
    """What a drill saw."""

    jobs: int
    results: int = 0
    receipts: int = 0
    """Receipts that verify together with the result."""
    refused: list[str] = field(default_factory=list)
    """Jobs that ended without a result, and why."""
    seconds: float = 0.0
    strikes: dict[str, int] = field(default_factory=dict)
    """How often each thing was struck."""
    worst: dict[str, float] = field(default_factory=dict)
    """The largest of each figure of a strike, in seconds."""
    retries: int = 0
    """Submissions that had to be repeated without a confirmation."""
    slowest_submit_s: float = 0.0
    verify_s: float = 0.0
    invariants: dict[str, str] = field(default_factory=dict)
    invoices: dict[str, str] = field(default_factory=dict)
    """By tenant: `equal`, or what is on the invoice and does not follow from the log, or the other way round."""

    @property
    def passed(self) -> bool:
        holds = all(it == "holds" for it in self.invariants.values())
        equal = all(it == "equal" for it in self.invoices.values())
        return self.results == self.receipts == self.jobs and holds and equal


class Drill:
    """One drill on one running stack."""

    def __init__(self, stack: EmbeddedStack, jobs: int, spread_s: float, least: int, prefix: str = "drill") -> None:
        """Prepare it.

        Args:
            stack: the stack.
            jobs: how many are submitted.
            spread_s: seconds over which they are submitted, so that the first strikes meet work in flight.
            least: how many strikes there are at least. After the last job is submitted, no other begins.
            prefix: of the idempotency keys of its jobs.
        """
        self._stack, self._prefix = stack, prefix
        self._gap_s = spread_s / jobs
        self._least = least
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._all_sent = asyncio.Event()
        self.report = Report(jobs)

    async def run(self, strikes: AsyncIterator[Struck]) -> None:
        """Submit, let faults strike, and wait for every result."""
        clients = {tenant: [self._client(tenant) for _ in range(CLIENTS_EACH)] for tenant in TENANTS}
        try:
            for client, *_ in clients.values():
                await self._patiently(partial(client.plan, BELL), Refused)  # until the broker has read the tenants file
            begin = time.monotonic()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._strike(strikes))
                await self._submit_all(group, clients)
            self.report.seconds = round(time.monotonic() - begin, 1)
        finally:
            await asyncio.gather(*(client.close() for them in clients.values() for client in them))

    async def _submit_all(self, group: asyncio.TaskGroup, clients: dict[str, list[AsyncClient]]) -> None:
        begin = time.monotonic()
        for number in range(self.report.jobs):
            await self._room.acquire()
            await asyncio.sleep(max(0.0, begin + number * self._gap_s - time.monotonic()))
            group.create_task(self._job(number, clients[TENANTS[number % len(TENANTS)]]))
        self._all_sent.set()

    async def _job(self, number: int, clients: list[AsyncClient]) -> None:
        try:
            for client in clients if number % REPEAT_EVERY == 0 else clients[number % CLIENTS_EACH :][:1]:
                job = await self._submit(client, number)
            result = await self._patiently(lambda: job.result(timeout=10))
            self.report.results += sum(result.counts.values()) == SHOTS
            receipt = await self._patiently(lambda: job.receipt(timeout=10))
            self.report.receipts += bool(receipt.verify(self._stack.home / "trust.json", result=result))
        except QueuebitError as error:
            self.report.refused.append(f"{self._prefix}-{number}: {error!r}")
        finally:
            self._room.release()

    async def _submit(self, client: AsyncClient, number: int) -> AsyncJob:
        begin = time.monotonic()
        backend = BACKENDS[number // len(TENANTS) % len(BACKENDS)]
        job = await self._patiently(
            lambda: client.submit(BELL, shots=SHOTS, backend=backend, purpose="drill", key=f"{self._prefix}-{number}")
        )
        self.report.slowest_submit_s = max(self.report.slowest_submit_s, round(time.monotonic() - begin, 3))
        return job

    async def _patiently(self, ask: Callable[[], Awaitable[T]], *also: type[QueuebitError]) -> T:
        return await answer_of(ask, self.report, TIMEOUT_S, *also)

    async def _strike(self, strikes: AsyncIterator[Struck]) -> None:
        count = 0
        async for it in strikes:
            count += 1
            self.report.strikes[it.name] = self.report.strikes.get(it.name, 0) + 1
            for name, seconds in it.figures.items():
                self.report.worst[name] = max(self.report.worst.get(name, 0.0), round(seconds, 1))
            if count >= self._least and self._all_sent.is_set():
                return

    def _client(self, tenant: str) -> AsyncClient:
        return AsyncClient(find(self._stack.home, tenant))


def fund(stack: EmbeddedStack) -> None:
    """Give the tenants of a drill money for its jobs."""
    stack.qb("tenant", "add", "lab", "--budget", "1000000")
    stack.qb("tenant", "fund", "demo", "playground", "1000000")


def check(stack: EmbeddedStack, report: Report) -> None:
    """Add the invariants and the invoices to a report, when the faults are over."""
    stack.until(ready=True)
    begin = time.monotonic()
    for verdict in stack.ask("verify", "--wait", "60", accept=(0, 1), timeout=600):
        findings = [f"{found['subject']}: {found['text']}" for found in verdict["findings"]]
        report.invariants[verdict["invariant"]] = "; ".join(findings[:20]) or "holds"
    report.verify_s = round(time.monotonic() - begin, 1)
    report.invoices = invoices(stack)


_KEY = ("project", "price", "component", "unit", "currency")


def invoices(stack: EmbeddedStack) -> dict[str, str]:
    """Compare each tenant's invoice of today, which is not issued, with a second computation from the raw log."""
    today = datetime.now(UTC).date()
    period = f"{today - timedelta(days=1)}_{today + timedelta(days=1)}"
    messages = asyncio.run(_messages(stack))
    found = {}
    for tenant in TENANTS:
        (document,) = stack.ask("invoice", "run", "--tenant", tenant, "--period", period, "--dry-run", timeout=600)
        lines = {
            (0, *(it[name] for name in _KEY), Decimal(it["unit_price"])): (
                *(Decimal(it["quantity"]), Decimal(it["amount"]), it["facts"], it["events"].removeprefix("sha256:")),
            )
            for it in document["lines"]
        }
        naive, facts = naive_lines(messages, tenant, [], today + timedelta(days=1), document["cut"])
        differ = lines.items() ^ naive.items()
        found[tenant] = "equal" if not differ and facts == document["facts"] else f"{sorted(map(str, differ))[:10]}"
    return found


async def _messages(stack: EmbeddedStack) -> list[Message]:
    """The messages of the log about bills."""
    messages = []

    def take(raw: Raw) -> None:
        messages.append(Message(raw.sequence, raw.stored_at, raw.subject, raw.body))

    client = await stack.connect("operator")
    try:
        view = View(Bus(client), "operator", ["qb.*.*.*.metered", "qb.job.*.*.corrected.*"], take)
        await following(view, view.caught_up.wait())
    finally:
        await client.close()
    return messages
