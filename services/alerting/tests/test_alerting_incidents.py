"""Two copies of the service, crashes at any point, and requests of people: one incident a group, and each fact once."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_alerting.incident_routes import incident_requests
from queuebit_alerting.incidents import AnswerIncidents, IncidentBook, KeepIncidents
from queuebit_alerting.quieting import Quieting
from queuebit_alerting.state import Book
from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.alerts import AlertFired, AlertResolved, Firing, Resolution
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.incidents import (
    IncidentAnswer,
    IncidentJoined,
    IncidentOpened,
    IncidentRequest,
    NoteOrder,
    ReopenOrder,
    ResolveOrder,
)
from queuebit_contracts.subjects_alerting import INCIDENT_REQUEST, fingerprint, group_id
from queuebit_incidents import fold
from queuebit_incidents.rules import Rules
from queuebit_incidents.state import FACTS
from queuebit_kernel import FixedClock, Stale, Unavailable
from queuebit_runtime.log import Stored
from queuebit_testing.memory import MemoryLog
from queuebit_testing.routes import in_memory

START = datetime(2026, 11, 5, 12, tzinfo=UTC)


class FlakyLog(MemoryLog):
    """A log whose process dies, or whose confirmation is lost, when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_before = self.dies_after = False

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        if self.dies_before:
            self.dies_before = False
            raise Unavailable("killed before the append")
        sequence = await super().append(event, after=after, guard=guard)
        if self.dies_after:
            self.dies_after = False
            raise Unavailable("killed after the append")
        return sequence


class Copy:
    """One process: its view follows the log only as far as the test lets it."""

    def __init__(self, log: FlakyLog, clock: FixedClock) -> None:
        self.log = log
        self.book, self.incidents = Book(), IncidentBook()
        self.at = 0
        self.keep = KeepIncidents(log, self.book, self.incidents, self, Alerts(), clock, Rules())
        self.answer = AnswerIncidents(
            log, self.book, self.incidents, self, lambda: Quieting(self.book, Alerts(), clock.now()), clock
        )

    async def reached(self, sequence: int) -> None:
        for stored in [it for it in self.log.stored if self.at < it.sequence <= sequence]:
            self.take(stored)

    async def follow(self) -> None:
        await self.reached(len(self.log.stored))

    def take(self, stored: Stored) -> None:
        self.book.take(stored)
        self.incidents.take(stored)
        self.at = stored.sequence


class World:
    """Alerts of two groups, in a log that copies of the service follow."""

    def __init__(self) -> None:
        self.log, self.clock = FlakyLog(), FixedClock(START)
        self.numbers: Counter[str] = Counter()
        self.firing: set[str] = set()

    def copy(self) -> Copy:
        return Copy(self.log, self.clock)

    async def fire(self, name: str, backend: str, severity: str = "page") -> str:
        labels = {"alertname": name, "backend": backend, "severity": severity}
        alert = fingerprint(labels)
        if alert not in self.firing:
            self.firing.add(alert)
            self.numbers[alert] += 1
            data = Firing(alert=alert, number=self.numbers[alert], labels=labels, starts_at=self.clock.now())
            await MemoryLog.append(self.log, AlertFired(source="qb/alerting", data=data))
        return alert

    async def end(self, name: str, backend: str, severity: str = "page") -> None:
        labels = {"alertname": name, "backend": backend, "severity": severity}
        alert, now = fingerprint(labels), self.clock.now()
        if alert in self.firing:
            self.firing.discard(alert)
            number = self.numbers[alert]
            data = Resolution(alert=alert, number=number, labels=labels, starts_at=now, ended_at=now)
            await MemoryLog.append(self.log, AlertResolved(source="qb/alerting", data=data))

    def kinds(self) -> list[str]:
        return [it.event.type.split(".")[2] for it in self.log.stored if ".incident." in it.subject]


async def opened(world: World) -> tuple[Copy, str]:
    await world.fire("success", "perth")
    copy = world.copy()
    await copy.follow()
    assert await copy.keep() == 1
    return copy, f"{group_id({'backend': 'perth'})}-1"


async def test_two_copies_that_see_a_page_open_one_incident() -> None:
    world = World()
    await world.fire("success", "perth")
    one, two = world.copy(), world.copy()
    await one.follow()
    await two.follow()
    await one.keep()
    await two.keep()
    await one.keep()
    assert world.kinds() == ["opened"]


async def test_a_copy_killed_before_or_after_the_append_leaves_no_trace_and_no_second_incident() -> None:
    for point in ("dies_before", "dies_after"):
        world = World()
        await world.fire("success", "perth")
        first = world.copy()
        await first.follow()
        setattr(world.log, point, True)
        with suppress(Unavailable):
            await first.keep()
        second = world.copy()
        await second.follow()
        await second.keep()
        assert world.kinds() == ["opened"], point


async def test_copies_that_see_different_pages_of_a_group_first_open_one_incident_with_both() -> None:
    world = World()
    await world.fire("success", "perth")
    one = world.copy()
    await one.follow()
    await world.fire("latency", "perth")
    two = world.copy()
    await two.follow()
    two.book.alerts.pop(next(iter(two.book.alerts)))  # it has not followed the first
    await two.keep()
    await one.keep()
    await one.follow()
    await one.keep()
    events = [it.event for it in world.log.stored]
    assert sum(isinstance(it, IncidentOpened) for it in events) == 1
    assert sum(isinstance(it, IncidentJoined) for it in events) == 1


async def test_it_ends_by_rule_and_its_times_are_those_of_the_alerts() -> None:
    world = World()
    copy, name = await opened(world)
    world.clock.advance(300)
    await world.end("success", "perth")
    await copy.follow()
    await copy.keep()
    assert world.kinds() == ["opened"]
    world.clock.advance(600)
    await copy.keep()
    await copy.keep()
    assert world.kinds() == ["opened", "resolved"]
    assert copy.incidents.incidents[name].time_to_remediate(world.clock.now()) == timedelta(minutes=5)


async def test_people_acknowledge_note_resolve_and_reopen_and_a_repeat_changes_nothing() -> None:
    world = World()
    copy, name = await opened(world)
    other = world.copy()  # a copy that has followed nothing yet answers, too
    requests = [
        IncidentRequest(incident=name, by="eve", acknowledge=True),
        IncidentRequest(incident=name, by="eve", note=NoteOrder(text="a fuse", cause_at=START - timedelta(minutes=3))),
        IncidentRequest(incident=name, by="eve", resolve=ResolveOrder(text="replaced")),
        IncidentRequest(incident=name, by="ada", reopen=ReopenOrder(text="not at all")),
    ]
    states = []
    for request in requests:
        first, again = await other.answer(request), await copy.answer(request)
        assert (first.errors, again.errors) == ((), ())
        assert first.sequence > 0
        assert again.sequence in (0, first.sequence), "a repeat"
        states.append(first.state)
    assert states == ["acknowledged", "acknowledged", "resolved", "open"]
    found = copy.incidents.incidents[name]
    assert found.time_to_detect == timedelta(minutes=3)
    assert [(it.by, it.text) for it in found.notes] == [("eve", "a fuse")]


async def test_what_still_fires_when_a_person_ends_it_opens_no_other_and_the_next_firing_continues_it() -> None:
    world = World()
    copy, name = await opened(world)
    await copy.answer(IncidentRequest(incident=name, by="eve", resolve=ResolveOrder()))
    await copy.keep()
    assert world.kinds() == ["opened", "resolved"]
    await world.end("success", "perth")
    await world.fire("success", "perth")
    await copy.follow()
    await copy.keep()
    assert world.kinds() == ["opened", "resolved", "reopened"]


async def test_refusals_say_what_to_do() -> None:
    world = World()
    copy, name = await opened(world)
    unknown = await copy.answer(IncidentRequest(incident=f"{'0' * 16}-1", by="eve", acknowledge=True))
    assert [it.code for it in unknown.errors] == ["no_incident"]
    both = IncidentRequest(incident=name, by="eve", acknowledge=True, resolve=ResolveOrder())
    assert [it.code for it in (await copy.answer(both)).errors] == ["malformed"]
    await copy.answer(IncidentRequest(incident=name, by="eve", resolve=ResolveOrder()))
    late = await copy.answer(IncidentRequest(incident=name, by="eve", acknowledge=True))
    assert f"qb incident reopen {name}" in late.errors[0].text
    assert world.kinds() == ["opened", "resolved"]


async def test_a_request_is_answered_and_a_malformed_one_named() -> None:
    world = World()
    copy, name = await opened(world)
    async with in_memory(incident_requests(copy.answer)) as broker:
        body = IncidentRequest(incident=name, by="eve", acknowledge=True).model_dump_json().encode()
        good = IncidentAnswer.model_validate_json((await broker.request(body, INCIDENT_REQUEST)).body)
        bad = IncidentAnswer.model_validate_json((await broker.request(b"{}", INCIDENT_REQUEST)).body)
    assert good.state == "acknowledged"
    assert "incident" in bad.errors[0].text


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(10, 60))
async def test_any_schedule_of_copies_crashes_and_people_has_one_open_incident_a_group(seed: int, steps: int) -> None:
    """Random on purpose: hypothesis gives the seed, so that an example can be run again."""
    world, drawn = World(), random.Random(seed)
    copies = [world.copy(), world.copy()]
    for _ in range(steps):
        place = drawn.choice(("perth", "lima"))
        copy = drawn.choice(copies)
        match drawn.randrange(8):
            case 0 | 1:
                await world.fire(drawn.choice("ab"), place, drawn.choice(("page", "ticket")))
            case 2:
                await world.end(drawn.choice("ab"), place, drawn.choice(("page", "ticket")))
            case 3:
                world.clock.advance(drawn.choice((1, 300, 601, 4000)))
            case 4:
                await copy.reached(drawn.randint(copy.at, len(world.log.stored)))
            case 5:
                copies[drawn.randrange(2)] = world.copy()  # killed, and started again
            case 6:
                name = f"{group_id({'backend': place})}-{drawn.randint(1, 2)}"
                await copy.answer(IncidentRequest(incident=name, by="eve", resolve=ResolveOrder()))
            case _:
                setattr(world.log, drawn.choice(("dies_before", "dies_after", "nothing")), True)
                try:
                    await copy.keep()
                except (Unavailable, Stale):
                    copies = [world.copy() if it is copy else it for it in copies]
                world.log.dies_before = world.log.dies_after = False
    events = [it.event for it in world.log.stored if isinstance(it.event, FACTS)]
    found = fold(events)
    for group in {it.group for it in found.values()}:
        of_group = sorted((it for it in found.values() if it.group == group), key=lambda it: it.serial)
        assert [it.serial for it in of_group] == [*range(1, len(of_group) + 1)]
        assert all(it.is_over for it in of_group[:-1])
    subjects = Counter(it.subject for it in world.log.stored if ".incident." in it.subject)
    assert set(subjects.values()) <= {1}, "each fact is there once"
