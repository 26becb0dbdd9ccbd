"""Alerts that flap while the service is killed at every step: no receiver is notified of one firing twice.

The core runs over a log in memory. A restart forgets everything but the log. A second process decides on what it has
folded, which may be old, and appends through the same guards.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_alerting.state import FIRING
from queuebit_contracts.alert_documents import Alerts, Receiver, Rotation, Route
from queuebit_contracts.alerts import AlertFired, AlertResolved

from .alerting_world import NOON, Killed, Process, World

URL = "https://example.com/hook"
DOCUMENTS = Alerts(
    resolve_after_s=0,
    group_interval_s=0,
    receiver={it: Receiver(kind="alertmanager", url=URL) for it in ("ann", "bob", "chat")},
    rotation={"primary": Rotation(members=("ann", "bob"), starts=NOON, escalate_minutes=5)},
    route={"pages": Route(match={"severity": "page"}, rotation="primary"), "all": Route(receivers=("chat",))},
)
Death = Literal["before", "after"] | None
Step = tuple[dict[str, bool | None], int, int, list[Death], bool]

STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(("one", "two")), st.sampled_from((True, False, None)), min_size=1),
        st.sampled_from((0, 10, 400)),
        st.sampled_from((0, 0, 0, -7200, 7200)),
        st.lists(st.sampled_from(("before", "after", None)), max_size=3),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
async def test_no_receiver_is_notified_of_one_firing_twice(steps: list[Step]) -> None:
    """Kills before and after each append, jumps of the clock, unmeasurable signals, and a second process."""
    world = World(DOCUMENTS)
    first, second = Process(world), Process(world)
    for says, passes_s, jump_s, deaths, has_second in steps:
        world.says |= says
        world.clock.passes(passes_s)
        world.clock.wall += timedelta(seconds=jump_s)
        world.log.deaths = [*deaths]
        for process in (first, second) if has_second else (first,):
            try:
                await process.round()
            except Killed:
                first = Process(world)
        world.log.deaths = []
    _require_once(world)
    last = Process(world)
    await last.round()
    for alert in last.book.alerts.values():
        if alert.firing:  # and nothing is lost: the person on call and the chat know of it
            group = next(iter(last.book.groups.values()))
            informed = {who for who, them in group.informed.items() if alert.id in them}
            assert "chat" in informed
            assert informed & {"ann", "bob"}


async def test_a_thousand_flaps_with_kills_page_a_thousand_times() -> None:
    """Each firing notifies each of its receivers once, although the process is killed again and again."""
    world, chance = World(DOCUMENTS), random.Random(12)
    process, kills = Process(world), 0
    for flap in range(1000):
        for firing in (True, False):
            world.says = {"one": firing}
            world.log.deaths = [chance.choice(("before", "after", None, None)) for _ in range(2)]
            try:
                await process.round()
            except Killed:
                kills += 1
                process = Process(world) if flap % 40 == 0 else process  # to fold all of it takes its time
            world.log.deaths = []
            await process.round()
    assert kills > 500
    assert len(world.log.events(AlertFired)) == len(world.log.events(AlertResolved)) == 1000
    pages = Counter(
        (it.receiver, entry.alert, entry.number)
        for it in world.notifications
        for entry in it.alerts
        if entry.status == FIRING
    )
    assert set(pages.values()) == {1}
    assert len(pages) == 2000, "the person on call and the chat, once for each firing"


def _require_once(world: World) -> None:
    fired = Counter((it.data.alert, it.data.number) for it in world.log.events(AlertFired))
    ended = Counter((it.data.alert, it.data.number) for it in world.log.events(AlertResolved))
    assert {*fired.values(), *ended.values()} <= {1}
    assert ended.keys() <= fired.keys()
    numbers = [(it.group, it.number) for it in world.notifications]
    assert len(numbers) == len({*numbers})
    known: set[tuple[str, str, int]] = set()
    for it in world.notifications:
        news = {(it.receiver, entry.alert, entry.number) for entry in it.alerts if entry.status == FIRING} - known
        assert news or it.reason == "resolved", "a page that says nothing new"
        known |= news
