"""How soon a tenant's balance is right: from a stored event to the broker's answer that includes it."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

from tests.bench.load import round_trips, sustained
from tests.bench.report import Report, percentile

from queuebit import AsyncClient
from queuebit_audit.inspection import following
from queuebit_audit.sources import Bus
from queuebit_contracts.account import AccountSettled
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import JobCompleted
from queuebit_runtime.view import Raw, View
from queuebit_testing.embedded import EmbeddedStack

__all__ = ["measure_balances"]

_PAUSE_S = 0.002
_SETTLED_S = 30.0


@dataclass
class _Seen:
    """Settlements of one tenant's project, and answers about its balance; times are of the machine's one clock."""

    ended: dict[str, float] = field(default_factory=dict)
    """By job: when its end was stored."""
    settled: list[tuple[str, float, Decimal]] = field(default_factory=list)
    """Job, when its settlement was stored, and all that was spent then since the first settlement."""
    answers: list[tuple[Decimal, float]] = field(default_factory=list)
    """What was spent by an answer, and when that came."""

    def take(self, raw: Raw) -> None:
        event = decode(raw.body, raw.subject)
        if isinstance(event, JobCompleted):
            self.ended[event.data.job] = raw.stored_at.timestamp()
        elif isinstance(event, AccountSettled):
            before = self.settled[-1][2] if self.settled else Decimal(0)
            spent = before + Decimal(event.data.settled.amount)
            self.settled.append((event.data.job, raw.stored_at.timestamp(), spent))

    def delays(self, since: float) -> tuple[list[float], list[float]]:
        """Seconds from each end, and from each settlement, to the first answer that includes it."""
        amounts = [it[0] for it in self.answers]
        ends, settlements = [], []
        for job, at, spent in self.settled:
            if self.ended[job] >= since:
                answered = self.answers[bisect_left(amounts, spent)][1]
                ends.append(answered - self.ended[job])
                settlements.append(answered - at)
        return ends, settlements


async def measure_balances(report: Report, stack: EmbeddedStack, client: AsyncClient, scale: float) -> None:
    """Ask for the balance without pause: while jobs run one at a time, and under load."""
    operator = await stack.connect("operator")
    seen = _Seen()
    view = View(
        Bus(operator), "operator", ["qb.job.demo.*.completed", "qb.account.demo.playground.settled.*"], seen.take
    )
    asking = asyncio.create_task(_ask(client, seen))
    try:
        await following(view, _loads(report, client, seen, scale))
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await operator.close()


async def _loads(report: Report, client: AsyncClient, seen: _Seen, scale: float) -> None:
    for name, jobs in (("one job at a time", max(20, round(200 * scale))), ("64 jobs open", round(2000 * scale))):
        since = time.time()
        if name == "one job at a time":
            await round_trips(client, jobs)
        else:
            await sustained(client, jobs, ("playground",))
        await _answered(seen, jobs, since)
        for what, took in zip(("end of a job", "settlement"), seen.delays(since), strict=True):
            report.add(
                f"{what} stored → in the balance, {name}",
                f"p50 {percentile(took, 0.5) * 1000:.0f} ms, p99 {percentile(took, 0.99) * 1000:.0f} ms",
                "aim: 1 s" if what == "end of a job" else "",
            )


async def _answered(seen: _Seen, jobs: int, since: float) -> None:
    """Wait until the settlement of each job is in an answer."""
    deadline = time.monotonic() + _SETTLED_S
    while True:
        settled = {it[0] for it in seen.settled}
        ours = [job for job, at in seen.ended.items() if at >= since]
        spent = seen.settled[-1][2] if seen.settled else Decimal(0)
        if len(ours) >= jobs and settled.issuperset(ours) and seen.answers and seen.answers[-1][0] >= spent:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(ours)} of {jobs} jobs ended, and the balance lacks some after {_SETTLED_S:g} s")
        await asyncio.sleep(0.05)


async def _ask(client: AsyncClient, seen: _Seen) -> None:
    while True:
        rows: Sequence[dict[str, object]] = await client.balances(project="playground")
        row = next(it for it in rows if it["kind"] == "account")
        seen.answers.append((Decimal(str(row["spent"])), time.time()))
        await asyncio.sleep(_PAUSE_S)
