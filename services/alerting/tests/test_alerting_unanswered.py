"""A warehouse that takes a query and never answers: the others are asked, and the round ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from queuebit_alerting.handlers import Evaluate
from queuebit_alerting.objectives import Objectives
from queuebit_alerting.ports import PartlyMeasured
from queuebit_alerting.state import Book, Signal
from queuebit_contracts.alerts import AlertFired
from queuebit_runtime.analyst import Warehouse

from .alerting_world import NOON, DyingLog, Folding, TurnableClock
from .test_alerting_objectives import SUCCESS, Counting

IN_TIME_S = 0.2
CONNECTED_S = 2.0
"""On a busy machine, a connection takes longer than a round of the other tests."""
MANY = tuple(replace(SUCCESS, name=f"success-{it}") for it in range(40))


class Hanging(Counting):
    """Answers queries about one class of jobs, and never those about others."""

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        if parameters["where_workload_class"] != "production":
            await asyncio.Event().wait()
        return await super().rows(sql, parameters)


class Other:
    """A source that answers."""

    async def signals(self, now: datetime) -> Sequence[Signal]:
        return [Signal({"alertname": "Other", "severity": "ticket"}, {}, True, now)]


@pytest.fixture
async def silent() -> AsyncIterator[tuple[str, list[int]]]:
    """A server that accepts connections and answers none, and how many were open at once at most."""
    open_now, most = [0], [0]

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now[0] += 1
        most[0] = max(most[0], open_now[0])
        try:
            while await reader.read(65_536):
                pass
        except ConnectionError:
            pass
        finally:
            open_now[0] -= 1
            writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", most
    server.close()


async def test_a_warehouse_that_never_answers_ends_one_round_in_time_and_other_sources_are_heeded(
    silent: tuple[str, list[int]],
) -> None:
    url, most = silent
    log, clock, book = DyingLog(), TurnableClock(), Book()
    objectives = Objectives(MANY, Warehouse(url, "analyst", "x"), whole_s=CONNECTED_S)
    evaluate = Evaluate(log, book, Folding(log, book), [objectives, Other()], clock)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await evaluate()
    assert loop.time() - began < 10 * CONNECTED_S, "one limit for all 40 objectives, not one for each"
    assert evaluate.trouble == (
        "objectives success-0, success-1, success-2 and 1 more: the warehouse did not answer within 2 s"
    )
    assert [it.data.labels["alertname"] for it in log.events(AlertFired)] == ["Other"]
    assert 1 < most[0] <= 4, "side by side, and not all at once"


async def test_objectives_that_can_be_counted_are_judged_beside_one_that_cannot() -> None:
    warehouse = Hanging()
    warehouse.cases = {("acme",): (80, 100)}
    hung = replace(SUCCESS, name="hung", where={"workload_class": "batch"})
    with pytest.raises(PartlyMeasured, match="objectives hung: ") as caught:
        await Objectives([hung, SUCCESS], warehouse, whole_s=IN_TIME_S).signals(NOON)
    assert {it.labels["severity"]: it.firing for it in caught.value.signals} == {"page": True, "ticket": True}


async def test_a_warehouse_too_slow_for_one_round_measures_each_objective_within_some() -> None:
    """All of them together take longer than a round: the same ones must not be left out each time."""

    class Slow(Counting):
        async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
            await asyncio.sleep(0.75 * IN_TIME_S)
            return await super().rows(sql, parameters)

    warehouse = Slow()
    warehouse.cases = {("acme",): (80, 100)}
    objectives, seen = Objectives(MANY[:14], warehouse, whole_s=IN_TIME_S), set[str]()
    for _ in range(8):
        try:
            found = await objectives.signals(NOON)
        except PartlyMeasured as error:
            found = error.signals
        seen |= {it.labels["objective"] for it in found}
    assert seen == {it.name for it in MANY[:14]}
