"""Reads and refusals are counted by reader and minute, and no flood of them fills the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.access import MOST_OBJECTS, AccessRead, AccessRefused
from queuebit_contracts.topology import PLATFORM
from queuebit_kernel import FixedClock, Unavailable
from queuebit_runtime.access_counter import APART, Counter, Who, unverified
from queuebit_runtime.access_recorder import Recorder
from queuebit_runtime.log import Guarded
from queuebit_runtime.metrics import Counter as MetricCounter
from queuebit_runtime.metrics import Metrics
from queuebit_testing.memory import MemoryLog

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ANN, EVE = Who("acme", "ann"), Who("evil", "eve")
SECOND = timedelta(seconds=1)


def counter() -> Counter:
    return Counter("gateway", "gateway-1")


def test_the_first_read_gives_a_fact_at_once_and_the_others_one_in_a_minute() -> None:
    it = counter()
    it.read("gateway", "result", "j1", ANN, NOON)
    [first] = it.facts(NOON + SECOND)
    for second in range(50):
        it.read("gateway", "result", f"j{second % 3}", ANN, NOON + (2 + second) * SECOND)
        assert it.facts(NOON + (2 + second) * SECOND) == []
    [second_fact] = it.facts(NOON + SECOND + APART)
    assert (first.data.count, first.data.objects) == (1, ("j1",))
    assert (second_fact.data.count, second_fact.data.objects) == (50, ("j0", "j1", "j2"))
    assert (second_fact.data.since, second_fact.data.until) == (NOON + 2 * SECOND, NOON + 51 * SECOND)
    assert [it.data.number for it in (first, second_fact)] == [1, 2]
    assert it.facts(NOON + 3 * APART) == []


def test_readers_kinds_and_doors_are_counted_apart() -> None:
    it = counter()
    for door, kind, who in (
        ("gateway", "result", ANN),
        ("bus", "result", ANN),
        ("bus", "bill", ANN),
        ("bus", "bill", EVE),
    ):
        it.read(door, kind, "x", who, NOON)
    assert {(one.data.door, one.data.kind, one.data.by) for one in it.facts(NOON)} == {
        *(("gateway", "result", "ann"), ("bus", "result", "ann"), ("bus", "bill", "ann"), ("bus", "bill", "eve"))
    }


HOSTILE = {
    "control characters": "eve\x00\r\n\x07\x1b]0;x\x07",
    "10 KB": "x" * 10_240,
    "ANSI escapes": "\x1b[2J\x1b[31mroot\x1b[0m",
    "SQL": "'; DROP TABLE events; --",
    "a quote and a backslash": '"\\" - "acme/nkey:U',
    "a line of a log": 'x\n[1] 2026/11/30 [ERR] "acme/nkey:UA" - Publish Violation',
    "text from right to left": "\u202eadmin\u2066",
    "letters outside of ASCII": "\u0430dmin 😀" * 20,
    "half a character": "\ud800x",
    "nothing": "",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_name_that_a_stranger_gives_is_short_plain_text_in_quotes(name: str) -> None:
    shown = unverified(name)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 75
    assert (shown[0], shown[-1]) == ('"', '"')
    assert json.loads(shown).removesuffix("...") == name[: len(json.loads(shown).removesuffix("..."))]
    it = counter()
    it.refused("bus", "sign_in", shown, Who(), "authentication_failed", NOON)
    [fact] = it.facts(NOON)
    assert fact.data.objects == (shown,), "it is cut nowhere else"
    assert len(fact.to_bytes()) < 1_000


def test_a_public_key_that_a_stranger_gives_is_whole() -> None:
    assert unverified("U" + "A" * 55) == '"U' + "A" * 55 + '"'


@given(st.text(max_size=200))
def test_whatever_a_name_has_can_be_read_again(name: str) -> None:
    shown = json.loads(unverified(name))
    assert shown == name or name.startswith(shown.removesuffix("..."))


def test_more_objects_than_a_fact_names_are_counted() -> None:
    it = counter()
    for number in range(100):
        it.read("gateway", "result", f"j{number}", ANN, NOON)
    [fact] = it.facts(NOON)
    assert (fact.data.count, len(fact.data.objects), fact.data.unnamed) == (100, MOST_OBJECTS, 100 - MOST_OBJECTS)


def test_refusals_that_go_on_give_facts_less_and_less_often() -> None:
    it, found = counter(), list[AccessRead | AccessRefused]()
    for second in range(86_400):
        at = NOON + second * SECOND
        it.refused("gateway", "request", f"GET /{second}", Who(), "bad_token", at)
        found += it.facts(at)
    assert len(found) < 32, "a day of one attack"
    assert sum(one.data.count for one in found) > 80_000
    assert max(len(one.to_bytes()) for one in found) < 1_600


def test_after_a_pause_a_refusal_gives_a_fact_at_once() -> None:
    it = counter()
    for hour in range(3):
        it.refused("gateway", "request", "GET /", Who(), "bad_token", NOON + hour * timedelta(hours=1))
        assert len(it.facts(NOON + hour * timedelta(hours=1))) == 1
        it.facts(NOON + hour * timedelta(hours=1) + 5 * APART)


def test_what_a_stranger_may_vary_makes_no_facts_of_its_own() -> None:
    it = counter()
    for number in range(100_000):
        it.refused("gateway", "request", f"GET /{number}", Who(), "bad_token", NOON)
        it.read("gateway", "result", "j1", Who("acme", f"u{number}"), NOON)
    found = it.facts(NOON)
    assert len(found) <= 1024 + 2
    assert sum(one.data.count for one in found) == 200_000
    assert {"others"} == {one.data.by for one in found if one.data.kind == "others"}


@given(st.text(), st.text())
def test_any_text_of_a_request_can_be_stored(named: str, code: str) -> None:
    it = counter()
    it.refused("gateway", "request", named, Who(), code, NOON)
    [fact] = it.facts(NOON)
    assert AccessRefused.model_validate_json(fact.to_bytes()) == fact
    assert "\n" not in "".join(fact.data.objects)
    assert fact.data.tenant == PLATFORM


class FailingLog(MemoryLog):
    """Does not answer for a while; `lost`: it stores, and its confirmation is lost."""

    away, lost = 0, False

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        if self.away:
            self.away -= 1
            if self.lost:
                await super().append_all(facts)
            raise Unavailable("away")
        return await super().append_all(facts)


async def test_facts_wait_for_the_log_and_are_stored_once() -> None:
    for lost in (False, True):
        log = FailingLog()
        log.away, log.lost = 2, lost
        it = Recorder("gateway", log, FixedClock(NOON))
        it.read("gateway", "result", "j1", ANN)
        await it.append()
        it.read("gateway", "result", "j2", EVE)
        for _ in range(3):
            await it.append()
        assert [one.data.by for one in log.events(AccessRead)] == ["ann", "eve"]


async def test_the_end_of_a_process_leaves_nothing_uncounted() -> None:
    log = MemoryLog()
    it = Recorder("gateway", log, FixedClock(NOON))
    for _ in range(2):
        it.read("gateway", "result", "j1", ANN)
        await it.append()
    assert len(log.events(AccessRead)) == 1
    await it.append(everything=True)
    assert [one.data.count for one in log.events(AccessRead)] == [1, 1]


def test_refusals_are_a_metric_at_once() -> None:
    metrics = Metrics("gateway")
    recorder = Recorder("gateway", MemoryLog(), FixedClock(NOON), metrics)
    for _ in range(3):
        recorder.refused("bus", "sign_in", "x", Who(), "authentication_failed")
    recorder.read("bus", "result", "j1", ANN)
    (counted,) = [it for it in metrics if it.name == "queuebit_refusals_total"]
    assert isinstance(counted, MetricCounter)
    assert counted.series == {("bus", "sign_in", "authentication_failed"): 3}
