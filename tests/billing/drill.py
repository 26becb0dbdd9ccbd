"""One billing drill, from an empty home to the report."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from itertools import cycle, islice
from pathlib import Path

from tests.billing import metering
from tests.billing.book import book_text
from tests.billing.checks import Evidence, differences, gathered, judged, ledger_faults
from tests.billing.histories import ACCOUNTS, PLANTED, Histories, History, funding
from tests.billing.processes import KILLED, Processes
from tests.billing.writer import Writer

from queuebit import QueuebitError
from queuebit_billing import Document
from queuebit_contracts.invoice import period_name
from queuebit_kernel import job_id
from queuebit_stack.errors import Stop
from queuebit_stack.invoices import document_of, issue, issued, prepare

__all__ = ["Drill", "Report"]

TENANTS = tuple(dict.fromkeys(tenant for tenant, _ in ACCOUNTS))
CONSUMERS = ("metering-ended", "metering-reported", "metering-sessions", "metering-hybrids", "metering-reservations")
DUPLICATES = 0.1
CLOCKS = (0,), (0, 1)
"""The period in which metering dates its facts, at one start after the other: before the first invoice, and after."""
_WAIT_S = 1_200.0
_TRIES = 10


@dataclass
class Report:
    """What a drill did and saw."""

    jobs: int
    seed: int
    seconds: dict[str, float] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    """Facts, copies of facts that were sent again, reports of usage after the end, and repeated batches."""
    bills: dict[str, int] = field(default_factory=dict)
    """Bills and corrections in the log, and those dated in the first period that came after its invoice."""
    kills: dict[str, int] = field(default_factory=dict)
    invoices: dict[str, str] = field(default_factory=dict)
    """Number and total of each invoice."""
    lines: int = 0
    differences: list[str] = field(default_factory=list)
    """Between invoices and the raw log; at most twenty."""
    ledger: list[str] = field(default_factory=list)
    invariants: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        holds = all(it == "holds" for it in self.invariants.values()) and self.invariants
        return bool(holds) and not self.differences and not self.ledger and len(self.invoices) == 2 * len(TENANTS)


class Drill:
    """A drill in a home of its own."""

    def __init__(
        self, home: Path, jobs: int, every_s: float, seed: int, plant: str | None = None, limit_s: float = 86_400.0
    ) -> None:
        """Prepare a drill.

        Args:
            home: an empty folder.
            jobs: how many to write.
            every_s: mean time between two kills.
            seed: of histories, copies, order and kills.
            plant: a fault that must be found, see `tests.billing.metering`.
            limit_s: no job begins after this time, and none of the first period after half of it.
        """
        now = datetime.now(UTC)
        today = now.date()
        self._days = today - timedelta(days=2), today - timedelta(days=1)
        self._ends = today - timedelta(days=1), today
        noons = [datetime.combine(it, clock_time(12), UTC) for it in self._days]
        self._behind = tuple((now - it).total_seconds() for it in noons)
        self._clocks = cycle(CLOCKS[0])
        self._calm = False
        self._every_s = every_s
        self._began = time.monotonic()
        self._limit_s = limit_s
        planted = [job_id(tenant, f"drill-{PLANTED}") for tenant in TENANTS]
        plants = {metering.PLANT: plant, metering.PLANTED_JOB: " ".join(planted)} if plant else {}
        self.processes = Processes(home, self._clock, plants)
        self.histories = Histories(seed, self.processes.book, (noons[0], noons[1]))
        self.report = Report(jobs, seed)
        self.evidence = Evidence("", [])
        self.documents: dict[str, list[Document]] = {}

    async def run(self) -> Report:
        """Write, kill, invoice, compare."""
        writer: Writer | None = None
        try:
            await self.processes.start()
            self._lap("start")
            writer = await Writer.connected(self.processes.bus_url, self.report.seed, DUPLICATES)
            keeping = asyncio.create_task(self.processes.keep())
            await self._written(writer)
            await self._checked()
            keeping.cancel()
        finally:
            if writer is not None:
                await writer.close()
            await self.processes.end()
        return self.report

    async def _written(self, writer: Writer) -> None:
        """Two halves: the first period is invoiced while a part of the second is written, and jobs of both end."""
        wanted, self.report.jobs = self.report.jobs, 0
        histories = self.histories.make(wanted)
        killing = asyncio.create_task(
            self.processes.kill_at_random(self.report.seed, self._every_s, lambda: not self._calm)
        )
        await writer.write(iter([History(funding())]), last=False)
        await writer.write(self._counted(islice(histories, wanted // 2), self._limit_s / 2), last=False)
        self._lap("first half")
        while await writer.backlog("metering-ended") > self.report.jobs // 8:
            await asyncio.sleep(0.2)
        self._lap("first half metered")
        invoicing = asyncio.create_task(self._invoice(0))
        await writer.write(self._counted(islice(histories, wanted // 4), self._limit_s * 3 / 4), last=False)
        await invoicing  # what follows is late for the first invoice, or of the second period
        await writer.write(self._counted(histories, self._limit_s), last=True)
        self._lap("second half")
        while min((self.processes.kills[it] for it in KILLED), default=0) == 0:
            await asyncio.sleep(0.1)  # a small drill is over before each was killed
        killing.cancel()
        self._calm = True
        await self._drained(writer)
        self._lap("drained")
        self.report.written = dict(writer.seen)
        self.report.kills = dict(self.processes.kills)
        await self._invoice(1)
        self._lap("invoiced")

    def _counted(self, histories: Iterator[History], until_s: float) -> Iterator[History]:
        """Histories until a time of the drill; jobs are counted, and sessions are not."""
        for history in histories:
            if time.monotonic() - self._began > until_s:
                return
            self.report.jobs += history.is_job
            yield history

    def _clock(self) -> float:
        """How far behind metering is from now on: in the first period, or in the second."""
        return self._behind[next(self._clocks)]

    async def _drained(self, writer: Writer) -> None:
        deadline = time.monotonic() + _WAIT_S
        while (left := await writer.backlog(*CONSUMERS)) and time.monotonic() < deadline:
            await asyncio.sleep(0.3)
        if left:
            self.report.differences.append(f"{left} messages of metering were left after {_WAIT_S:g} s")

    async def _invoice(self, number: int) -> None:
        """Issue the invoices of a period, by the operator's door; kills pause only while it is tried again."""
        name = period_name(self._days[number], self._ends[number])
        for turn in range(_TRIES):
            self._calm = turn > 0 or number == 1
            try:
                for it in await asyncio.to_thread(prepare, self.processes.home, None, name):
                    await asyncio.to_thread(issue, self.processes.home, it.document, "drill")
                break
            except (Stop, QueuebitError, OSError, TimeoutError) as error:
                print(f"invoices of {name}: {error}", file=sys.stderr, flush=True)
                await asyncio.sleep(1)
        self._calm = number == 1
        if number == 0:
            self._clocks = cycle(CLOCKS[1])
            self.processes.kill("metering")  # so that facts of the second period follow

    async def _checked(self) -> None:
        report, target = self.report, self.processes.target()
        for it in await asyncio.to_thread(issued, self.processes.home):
            document = await asyncio.to_thread(document_of, self.processes.home, it.invoice)
            self.documents.setdefault(document.tenant, []).append(document)
            report.invoices[document.number] = ", ".join(f"{total.total} {total.currency}" for total in document.totals)
            report.lines += len(document.lines)
        self.evidence = await gathered(target, book_text())
        self._lap("read")
        report.bills = self.evidence.counts(
            min((it[0].cut for it in self.documents.values()), default=0), self._ends[0]
        )
        report.differences += differences(self.evidence, self.documents)[:20]
        self._lap("recomputed")
        report.ledger = (await ledger_faults(target))[:20]
        report.invariants = await judged(target)
        self._lap("verified")

    def _lap(self, name: str) -> None:
        took = time.monotonic() - self._began - sum(self.report.seconds.values())
        self.report.seconds[name] = round(took, 1)
        print(f"{name}: {took:.1f} s", file=sys.stderr, flush=True)
