"""Sums of cases: what is added, when, and what happens if an insert is repeated, lost, or the warehouse was rebuilt."""

from __future__ import annotations

import pytest

from queuebit_kernel import Unavailable
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.errors import OtherGeneration
from queuebit_telemetry.state import Position, Summed
from queuebit_telemetry.summing import ENOUGH, LATE_S, MOST, SumCases

from .conftest import LifeOf, rows_of


class _Clock:
    at = 0.0

    def monotonic(self) -> float:
        return self.at


class _Sums:
    """The table in memory: which sequences it has, by how often each was added."""

    def __init__(self, last: int) -> None:
        self.events = Position("g1", last)
        self.generation = "g1"
        self.parts: list[tuple[int, int]] = []
        self.tokens: set[str] = set()
        self.lost = False
        self.fails_after_insert = False
        self.loses_rows = False

    async def summed(self) -> Summed:
        through = max((it for _, it in self.parts), default=0)
        return Summed(self.events, through, self.generation == self.events.generation and not self.lost)

    async def renew_sums(self, generation: str) -> None:
        self.generation, self.lost = generation, False
        self.parts, self.tokens = [], set()

    async def add_cases(self, after: int, through: int, token: str) -> None:
        if self.generation != self.events.generation:
            raise OtherGeneration("rebuilt")
        if token not in self.tokens:
            self.tokens.add(token)
            if not self.loses_rows:
                self.parts.append((after, through))
        self.loses_rows = False
        if self.fails_after_insert:
            self.fails_after_insert = False
            raise Unavailable("no answer")


def _summing(sums: _Sums, clock: _Clock) -> SumCases:
    return SumCases(sums, lambda: sums.events.seq, clock)  # type: ignore[arg-type]  # of a clock only this is used


async def _all(summing: SumCases) -> None:
    while await summing():
        pass


async def test_parts_follow_one_another_and_few_events_wait() -> None:
    sums, clock = _Sums(2 * MOST), _Clock()
    summing = _summing(sums, clock)
    await _all(summing)
    assert sums.parts == [(0, MOST), (MOST, 2 * MOST)]
    sums.events = Position("g1", 2 * MOST + ENOUGH - 1)
    await _all(summing)
    assert len(sums.parts) == 2
    clock.at = LATE_S
    await _all(summing)
    assert sums.parts[2:] == [(2 * MOST, 2 * MOST + ENOUGH - 1)]


async def test_an_insert_without_an_answer_is_not_repeated_if_it_was_stored() -> None:
    sums = _Sums(ENOUGH)
    summing = _summing(sums, _Clock())
    sums.fails_after_insert = True
    with pytest.raises(Unavailable):
        await summing()
    sums.events = Position("g1", 2 * ENOUGH)
    await _all(_summing(sums, _Clock()))
    assert sums.parts == [(0, ENOUGH), (ENOUGH, 2 * ENOUGH)]


async def test_a_token_without_its_rows_does_not_end_it() -> None:
    sums = _Sums(ENOUGH)
    sums.loses_rows = True
    await _all(_summing(sums, _Clock()))
    assert sums.parts == [(0, ENOUGH)]


@pytest.mark.parametrize("damaged", [True, False])
async def test_sums_of_other_events_or_with_lost_rows_are_made_again(damaged: bool) -> None:
    sums, clock = _Sums(2 * ENOUGH), _Clock()
    summing = _summing(sums, clock)
    await _all(summing)
    sums.lost = damaged
    sums.events = Position("g1" if damaged else "g2", 7)
    await _all(summing)
    assert sums.parts == [(0, 7)]
    assert sums.generation == sums.events.generation


@pytest.mark.server
async def test_the_warehouse_adds_each_event_once(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    events = [it for number in range(3) for it in life_of("acme", f"j{number}")]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    for _ in range(2):
        await clickhouse.add_cases(0, 10, "CASES>0")
    assert (await clickhouse.summed()).through == 10
    await clickhouse.add_cases(10, 18, "CASES>10")
    assert await clickhouse.summed() == Summed(await clickhouse.position(), 18, True)
    found = await clickhouse._query("SELECT span, sum(completed) AS jobs, sum(billed) AS bills, sum(opens) AS open"
        " FROM case_sums GROUP BY span ORDER BY span")  # fmt: skip
    assert [(it["jobs"], it["bills"], it["open"]) for it in found] == [(0, 0, 0), (3, 3, 0), (3, 3, 0), (0, 0, 0)]
    parts = await clickhouse._query("SELECT count() AS parts FROM system.parts WHERE table = 'case_sums' AND active")
    assert parts[0]["parts"] <= 2
    await clickhouse.renew_sums("another")
    with pytest.raises(OtherGeneration):
        await clickhouse.add_cases(0, 18, "CASES>0")
    assert not (await clickhouse.summed()).sound


@pytest.mark.server
async def test_a_part_that_does_not_follow_the_sums_is_not_added(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    """Another process replaced the table after this one read the position of the sums."""
    position = await clickhouse.position()
    events = [it for number in range(3) for it in life_of("acme", f"j{number}")]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    await clickhouse.add_cases(10, 18, "CASES>10")
    assert (await clickhouse.summed()).through == 0
    for token in ("CASES>0", "CASES>0#1"):
        await clickhouse.add_cases(0, 18, token)
    (found,) = await clickhouse._query("SELECT sum(completed) AS jobs FROM case_sums WHERE span = 'day'")
    assert found["jobs"] == 3


@pytest.mark.server
async def test_a_log_that_lost_its_beginning_is_summed(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    rows = [it._replace(seq=2 * MOST + it.seq) for it in rows_of(life_of("acme", "j1"))]
    await clickhouse.append(rows, position.generation, "LOG>0")
    clock = _Clock()
    summing = SumCases(clickhouse, lambda: 2 * MOST + 6, clock)  # type: ignore[arg-type]  # as above
    await _all(summing)
    clock.at = LATE_S
    await _all(summing)
    assert (await clickhouse.summed()).through == 2 * MOST + 6
    (found,) = await clickhouse._query("SELECT sum(completed) AS jobs FROM case_sums WHERE span = 'day'")
    assert found["jobs"] == 1


@pytest.mark.server
async def test_a_table_of_sums_that_was_dropped_is_made_again(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    await clickhouse._command("DROP TABLE case_sums SYNC")
    clock = _Clock()
    summing = SumCases(clickhouse, lambda: 6, clock)  # type: ignore[arg-type]  # as above
    await _all(summing)
    assert await clickhouse.summed() == Summed(await clickhouse.position(), 6, True)
    await clickhouse._command("DROP TABLE case_sums SYNC")
    await _all(summing)
    clock.at = LATE_S
    await _all(summing)
    assert (await clickhouse.summed()).through == 6


@pytest.mark.server
async def test_a_rebuilt_warehouse_has_empty_sums_of_its_events(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    await clickhouse.add_cases(0, 6, "CASES>0")
    await clickhouse.set_aside()
    await clickhouse.create()
    assert await clickhouse.summed() == Summed(await clickhouse.position(), 0, True)
