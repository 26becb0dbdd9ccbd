"""Builds the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from queuebit_contracts.kept_cases import KEPT_OPEN, KEPT_VIEWS
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.topology import topology
from queuebit_kernel import SystemClock
from queuebit_runtime.health import Health
from queuebit_runtime.secrets import read_secret
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.view import Fold, View
from queuebit_slo import Objective, digest, parse_all, shipped
from queuebit_telemetry.adapters import ClickHouse, LogHead
from queuebit_telemetry.backlog import Backlog
from queuebit_telemetry.fact_lists import LISTS, audit, listed
from queuebit_telemetry.handlers import AnswerActivity, AnswerGroups, AnswerLevels, KeepSpans
from queuebit_telemetry.holding import HoldEvidence
from queuebit_telemetry.inventory_list import inventory
from queuebit_telemetry.invoice_list import invoices
from queuebit_telemetry.keeping import KeepCases
from queuebit_telemetry.routes import Handler, queries, spans
from queuebit_telemetry.settings import Settings
from queuebit_telemetry.sink import Sink
from queuebit_telemetry.sli_counters import CountObjectives
from queuebit_telemetry.summing import SumCases

__all__ = ["Telemetry", "create_app"]

_SPANS_WAIT_S, _SPANS_APART_S = 5.0, 2.0
"""An insert of spans costs the same for ten and for thousands: under load, the price of a span is its wait."""
_FRESH_S = 2.0

_EVERY_S = 0.05
"""How often the log is read under load: it has nine events for each job, and each wakes the process otherwise."""

_Rows = Callable[[str, Question], Awaitable[list[dict[str, JsonValue]]]]

_AT_ONCE = 8
"""Concurrent queries to the warehouse; of one tenant a quarter of them."""


class Telemetry(Service):
    """The service; `behind` counts events of the log that the warehouse lacks."""

    def __init__(self, bus: BusSettings, settings: Settings) -> None:
        super().__init__("telemetry", bus)
        clock = SystemClock()
        self._warehouse = ClickHouse(
            settings.warehouse_url,
            settings.warehouse_user,
            read_secret(settings.warehouse_password_file),
            settings.warehouse_cluster,
        )
        self._head = LogHead(self.bus)
        self._backlog = Backlog(self._head, clock)
        self._sink = Sink(self._warehouse, self._follow, settings, clock)
        promised = _promised(settings.objectives)
        levels = AnswerLevels(self._warehouse, promised, clock)
        handlers: dict[str, _Rows] = {
            "jobs": self._warehouse.jobs,
            "fidelities": self._warehouse.fidelities,
            "charges": self._warehouse.charges,
            "bills": self._warehouse.bills,
            "invoices": partial(invoices, self._warehouse),
            "slo": levels,
            "activity": AnswerActivity(self._warehouse, clock),
            "groups": AnswerGroups(self._warehouse, clock),
            "inventory": partial(inventory, self._warehouse),
            "audit": partial(audit, self._warehouse),
            **{name: partial(listed, self._warehouse, name) for name in LISTS},
        }
        turn = asyncio.Semaphore(_AT_ONCE)
        fresh = {name: self._fresh(it) for name, it in handlers.items()}
        self._queries = queries(fresh, turn, side_by_side=_AT_ONCE // 4, access=self.counted())
        self.include(self._queries)
        keep = KeepSpans(self._warehouse, _SPANS_WAIT_S, apart_s=_SPANS_APART_S)
        self.include(spans(keep))
        self.ending.append(keep.hurry)
        self.work.append(HoldEvidence(self._warehouse, clock).run)
        self.work.append(SumCases(self._warehouse, self._reached, clock).run)
        for indicators in (KEPT_OPEN, KEPT_VIEWS):  # apart: jobs without an end wait for no view that takes long
            self.work.append(KeepCases(self._warehouse, self._reached, clock, indicators).run)
        self.work.append(CountObjectives(self._warehouse, promised, self.metrics, clock, self._reached).run)
        self.before.append(self._catch_up)
        self.after.append(self._warehouse.close)
        self.trouble = lambda: self._sink.trouble
        self.detail = lambda: {
            "position": self._sink.position.seq,
            "lag_ms": self._sink.lag_ms,
            "objectives": digest(promised),
        }
        self._measure()

    def _reached(self) -> int:
        """The last sequence of the log that the warehouse has."""
        return self._sink.position.seq

    def _measure(self) -> None:
        gauge, sink, backlog = self.metrics.gauge, self._sink, self._backlog
        gauge("queuebit_warehouse_sequence", "Last sequence of the log in the warehouse.", lambda: sink.position.seq)
        gauge(
            "queuebit_warehouse_lag_seconds",
            "Age of the oldest event that was read and is not in the warehouse.",
            lambda: sink.lag_ms / 1000,
        )
        gauge("queuebit_log_sequence", "Last sequence of the log.", lambda: backlog.head.last)
        gauge("queuebit_log_messages", "Messages that the log holds.", lambda: backlog.head.messages)

    def health(self) -> Health:
        return replace(super().health(), behind=self._backlog.behind(self._sink.position.seq))

    def _fresh(self, read: _Rows) -> Handler:
        """Answer after the warehouse has the log up to the time of the query, or after a short timeout."""

        async def answer(tenant: str, question: Question) -> Answer:
            await self._sink.reached((await self._head.head()).last, _FRESH_S)
            sequence = self._sink.position.seq
            return Answer(rows=tuple(await read(tenant, question)), sequence=sequence)

        return answer

    def _follow(self, fold: Fold, after: int) -> View:
        return View(self.bus, self.name, topology().service["telemetry"].view, fold, after=after, every_s=_EVERY_S)

    async def _catch_up(self) -> None:
        self.tasks.spawn(self._backlog.run(), "telemetry backlog")
        self.tasks.spawn(self._sink.run(), "telemetry sink")
        await self.bus.start(self._queries)
        await self._sink.caught_up.wait()


def _promised(folder: Path | None) -> tuple[Objective, ...]:
    """The stack's own objectives, or without a folder of files those of this version."""
    files = sorted(folder.glob("[!.]*.y*ml")) if folder is not None else []
    return parse_all((str(it), it.read_text(encoding="utf-8")) for it in files) if files else shipped()


def create_app() -> Telemetry:
    """Build the service from its environment."""
    return Telemetry(BusSettings(), Settings())
