"""The sink against a warehouse in memory that loses answers, tokens and tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from queuebit_kernel import FixedClock, Unavailable
from queuebit_runtime.rows import Row
from queuebit_telemetry import sink as sink_module
from queuebit_telemetry.errors import NoTables, OtherGeneration, Unsound
from queuebit_telemetry.ports import Follow
from queuebit_telemetry.settings import Settings
from queuebit_telemetry.sink import Sink
from queuebit_telemetry.state import Position

from .fakes import MemoryMessages


class MemoryEvents:
    """Tokens decide, as in the real table."""

    def __init__(self) -> None:
        self.generation = 0
        self.rows: list[Row] = []
        self.tokens: list[str] = []
        self.aside: list[Row] = []
        self.damaged = self.missing = False
        self.before_append: Callable[[str], None] = lambda token: None
        self.after_append: Callable[[str], None] = lambda token: None

    async def position(self) -> Position:
        if not self.generation or self.missing:
            raise NoTables("none")
        if self.damaged:
            raise Unsound("parts were set aside")
        return Position(str(self.generation), max((row.seq for row in self.rows), default=0))

    async def create(self) -> None:
        if not self.generation or self.missing:
            self.rebuild()

    async def set_aside(self) -> None:
        self.aside, self.missing, self.damaged = self.rows, True, False

    async def forget_set_aside(self) -> None:
        if self.aside and self.sequences[-1] >= self.aside[-1].seq:
            self.aside = []

    def rebuild(self) -> None:
        self.generation += 1
        self.rows, self.tokens, self.missing = [], [], False

    async def append(self, rows: Sequence[Row], generation: str, token: str) -> None:
        self.before_append(token)
        if self.missing:
            raise NoTables("none")
        if generation != str(self.generation):
            raise OtherGeneration("created again")
        if token not in self.tokens:
            self.tokens.append(token)
            self.rows += rows
        self.after_append(token)

    @property
    def sequences(self) -> list[int]:
        return [row.seq for row in self.rows]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "PAUSES_S", (0.001,))
    monkeypatch.setattr(sink_module, "LOOK_S", 0.02)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(warehouse_password_file=tmp_path / "none", flush_ms=10, max_batch=4)


def following(last: int) -> Follow:
    """Follows a log of so many messages."""
    return MemoryMessages(["qb.job.acme.j1.submitted"] * last).follow


@asynccontextmanager
async def running(events: MemoryEvents, settings: Settings, last: int) -> AsyncIterator[Sink]:
    sink = Sink(events, following(last), settings, FixedClock())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(sink.run())
        await sink.caught_up.wait()
        yield sink
        task.cancel()


def once(failure: Callable[[], None]) -> Callable[[str], None]:
    """Do something at the second insert, and only then."""
    calls = iter([lambda: None, failure])

    def act(token: str) -> None:
        del token
        next(calls, lambda: None)()

    return act


def unavailable() -> None:
    raise Unavailable("no answer")


async def test_log_longer_than_the_buffer_arrives_whole_and_in_order(settings: Settings) -> None:
    events = MemoryEvents()
    async with running(events, settings, last=50) as sink:
        assert events.sequences == [*range(1, 51)]
        assert sink.trouble is None


async def test_lost_answer_repeats_nothing(settings: Settings) -> None:
    events = MemoryEvents()
    events.after_append = once(unavailable)
    async with running(events, settings, last=20):
        assert events.sequences == [*range(1, 21)]


async def test_lost_request_is_repeated_under_its_token(settings: Settings) -> None:
    events = MemoryEvents()
    events.before_append = once(unavailable)
    async with running(events, settings, last=20):
        assert events.sequences == [*range(1, 21)]
        assert not any("#" in token for token in events.tokens)


async def test_token_left_without_its_rows_is_replaced(settings: Settings) -> None:
    events = MemoryEvents()
    events.before_append = once(lambda: events.tokens.append("LOG>4"))
    async with running(events, settings, last=20):
        assert events.sequences == [*range(1, 21)]
        assert "LOG>4#1" in events.tokens


async def test_sink_goes_on_after_what_another_writer_stored(settings: Settings) -> None:
    events = MemoryEvents()

    def other_writer() -> None:
        events.tokens.append("LOG>4")
        events.rows += [row._replace(seq=row.seq + 4) for row in events.rows[:3]]

    events.before_append = once(other_writer)
    async with running(events, settings, last=20):
        assert events.sequences == [*range(1, 21)]


async def test_tables_that_were_created_again_are_filled_from_the_start(settings: Settings) -> None:
    events = MemoryEvents()
    async with running(events, settings, last=10) as sink:
        events.rebuild()
        while len(events.rows) < 10 or sink.position.generation != "2":
            await asyncio.sleep(0.001)
        assert events.sequences == [*range(1, 11)]


async def test_insert_meant_for_the_earlier_tables_is_not_stored(settings: Settings) -> None:
    events = MemoryEvents()

    events.before_append = once(events.rebuild)
    async with running(events, settings, last=20):
        assert events.sequences == [*range(1, 21)]


async def test_trouble_is_reported_while_it_lasts(settings: Settings) -> None:
    events = MemoryEvents()
    down = asyncio.Event()
    events.before_append = lambda token: None if down.is_set() else unavailable()
    sink = Sink(events, following(3), settings, FixedClock())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(sink.run())
        while sink.trouble is None:
            await asyncio.sleep(0.001)
        assert "no answer" in sink.trouble
        down.set()
        while sink.trouble is not None:
            await asyncio.sleep(0.001)
        assert events.sequences == [1, 2, 3]
        task.cancel()


async def test_a_server_that_says_yes_to_everything_is_asked_with_pauses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "PAUSES_S", (60.0,))
    created = 0

    class YesMan(MemoryEvents):
        async def create(self) -> None:
            nonlocal created
            created += 1

    sink = Sink(YesMan(), following(3), settings, FixedClock())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(sink.run())
        while sink.trouble is None:
            await asyncio.sleep(0.001)
        task.cancel()
    assert created == 1


async def test_who_asks_need_not_wait_for_company(tmp_path: Path) -> None:
    events = MemoryEvents()
    patient = Settings(warehouse_password_file=tmp_path / "none", flush_ms=10_000, max_batch=4)
    sink = Sink(events, following(6), patient, FixedClock())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(sink.run())
        await sink.reached(6, 60)
        assert events.sequences == [*range(1, 7)]
        await sink.reached(7, 0.01)  # what never comes is waited for only so long
        task.cancel()


async def test_a_table_that_lost_rows_is_filled_again_from_the_log(settings: Settings) -> None:
    events = MemoryEvents()
    async with running(events, settings, last=10) as sink:
        before = events.generation
        del events.rows[3:5]
        events.damaged = True
        while events.generation == before or events.sequences != [*range(1, 11)] or events.aside:
            await asyncio.sleep(0.01)
        assert sink.position == Position(str(events.generation), 10)


async def test_what_was_set_aside_is_kept_until_the_log_has_filled_its_successor(settings: Settings) -> None:
    events = MemoryEvents()
    async with running(events, settings, last=10):
        pass
    events.damaged = True
    async with running(events, settings, last=7) as sink:  # a log that lost its end
        while sink.position.seq < 7:
            await asyncio.sleep(0.01)
        assert len(events.aside) == 10
