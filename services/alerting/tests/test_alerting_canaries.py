"""Canaries from the draft to the decision: two copies of the service, lost confirmations, and requests of a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_alerting.canaries import KeepCanaries
from queuebit_alerting.canary_book import Canary, CanaryBook
from queuebit_alerting.canary_counts import Measured
from queuebit_alerting.canary_requests import AnswerCanaries, flags_for
from queuebit_alerting.canary_routes import canary_requests, flag_queries
from queuebit_contracts.canaries import (
    CanaryAborted,
    CanaryAnswer,
    CanaryPlan,
    CanaryPromoted,
    CanaryRequest,
    CanaryShadowed,
    Shadow,
)
from queuebit_contracts.query import Question
from queuebit_contracts.subjects import query
from queuebit_contracts.subjects_alerting import CANARY_REQUEST
from queuebit_experiments import Arm, Design
from queuebit_kernel import FixedClock, Unavailable
from queuebit_runtime.stored import Stored
from queuebit_testing.memory import MemoryLog
from queuebit_testing.routes import in_memory

from .alerting_world import NOON

PLAN: dict[str, Any] = {
    "canary": "level3",
    "subject": "compiler",
    "flag": "optimization-level",
    "baseline": 1,
    "candidate": 3,
}
EQUAL = Measured(Arm(510, 500, 5), Arm(505, 500, 5), 0)
WORSE = Measured(Arm(200, 200, 4), Arm(200, 200, 40), 0)
UNCLEAR = Measured(Arm(505, 500, 10), Arm(505, 500, 22), 3)
FEW = Measured(Arm(130, 120, 1), Arm(130, 120, 1), 0)


class Counts:
    """The warehouse, as a test wants it."""

    def __init__(self) -> None:
        self.now: Measured | None = FEW

    async def counts(self, canary: Canary, design: Design) -> Measured:
        if self.now is None:
            raise Unavailable("the warehouse does not answer")
        return self.now


class Copy:
    """One process; its view follows the log when it is waited for."""

    def __init__(self, log: MemoryLog, counts: Counts) -> None:
        self._log = log
        self.book = CanaryBook()
        self._place = 0
        parts = (log, self.book, self, counts, FixedClock(NOON))
        self.keep, self._answer = KeepCanaries(*parts), AnswerCanaries(*parts)

    async def reached(self, sequence: int) -> None:
        for stored in self._log.stored[self._place :]:
            self.book.take(stored)
        self._place = len(self._log.stored)

    async def ask(self, **order: Any) -> CanaryAnswer:
        return await self._answer(CanaryRequest.model_validate({"by": "eve", **order}))

    @property
    def state(self) -> str:
        return self.book.canaries["level3"].state


class World:
    """A log, and what is counted."""

    def __init__(self) -> None:
        self.log, self.counts = MemoryLog(), Counts()

    def copy(self) -> Copy:
        return Copy(self.log, self.counts)

    @property
    def facts(self) -> list[str]:
        return [it.event.type.split(".")[2] for it in self.log.stored if not isinstance(it.event, bytes)]

    async def started(self, **plan: Any) -> Copy:
        copy = self.copy()
        assert not (await copy.ask(draft={**PLAN, **plan})).errors
        assert not (await copy.ask(start="level3")).errors
        return copy


@pytest.fixture
def world() -> World:
    return World()


async def test_a_canary_without_enough_jobs_says_so_and_does_not_decide(world: World) -> None:
    copy = await world.started()
    assert await copy.keep() == 0
    (row,) = (await copy.ask(canary="level3")).canaries
    assert (row.state, row.evidence and row.evidence.candidate.cases) == ("running", 120)
    assert row.reason.startswith("not decided: 120 jobs of the candidate")
    assert world.facts == ["drafted", "started"]


async def test_a_worse_candidate_is_withdrawn_by_rule_with_the_counts_behind_it(world: World) -> None:
    copy = await world.started()
    world.counts.now = WORSE
    assert await copy.keep() == 1
    (fact,) = world.log.events(CanaryAborted)
    assert fact.data.by is None
    assert fact.data.evidence is not None
    assert fact.data.evidence.candidate.failures == 40
    assert [it.name for it in fact.data.evidence.checks if not it.passed] == ["failures"]
    assert next(copy.book.flags("acme"))["state"] == "aborted"
    assert await copy.keep() == 0


async def test_it_passes_at_its_size_and_a_person_promotes_it(world: World) -> None:
    copy = await world.started()
    world.counts.now = EQUAL
    await copy.keep()
    assert (copy.state, await copy.keep()) == ("passed", 0)
    answer = await copy.ask(promote={"canary": "level3"})
    assert answer.canaries[0].state == "promoted"
    (fact,) = world.log.events(CanaryPromoted)
    assert (fact.data.by, fact.data.unproven) == ("eve", False)
    assert "not worse in success" in fact.data.reason


async def test_an_automatic_canary_is_promoted_by_rule(world: World) -> None:
    copy = await world.started(automatic=True)
    world.counts.now = EQUAL
    await copy.keep()
    assert (copy.state, world.log.events(CanaryPromoted)[0].data.by) == ("promoted", None)


async def test_after_it_passed_failures_still_abort_it(world: World) -> None:
    copy = await world.started()
    world.counts.now = EQUAL
    await copy.keep()
    world.counts.now = Measured(Arm(900, 900, 10), Arm(900, 900, 90), 0)
    await copy.keep()
    assert copy.state == "aborted"


async def test_what_is_not_shown_is_extended_once_and_then_waits_for_a_person(world: World) -> None:
    copy = await world.started()
    world.counts.now = UNCLEAR
    await copy.keep()
    assert (copy.state, copy.book.canaries["level3"].extended) == ("running", True)
    assert await copy.keep() == 0, "twice the jobs are needed"
    world.counts.now = Measured(Arm(1000, 1000, 20), Arm(1000, 1000, 44), 3)
    await copy.keep()
    assert copy.state == "paused"
    assert await copy.keep() == 0
    assert (await copy.ask(promote={"canary": "level3"})).errors[0].code == "not_passed"
    assert (await copy.ask(promote={"canary": "level3", "unproven": True})).errors[0].code == "no_reason"
    await copy.ask(promote={"canary": "level3", "unproven": True, "reason": "the failures were of one device"})
    assert world.log.events(CanaryPromoted)[0].data.unproven


async def test_what_cannot_be_counted_changes_nothing_and_can_still_be_aborted(world: World) -> None:
    copy = await world.started()
    world.counts.now = None
    assert await copy.keep() == 0
    assert copy.keep.trouble == "the warehouse does not answer"
    assert "cannot be counted now" in (await copy.ask(canary="level3")).canaries[0].reason
    await copy.ask(abort={"canary": "level3", "reason": "not needed"})
    assert world.log.events(CanaryAborted)[0].data.evidence is None


async def test_a_canary_of_another_version_that_cannot_be_judged_hinders_no_other(world: World) -> None:
    copy = await world.started()
    for name, first in (("strange", "0.03"), ("later", "0.04")):
        await copy.ask(draft={**PLAN, "canary": name, "flag": name, "margin": first})
        await copy.ask(start=name)
    strange = copy.book.canaries["strange"]
    plan = strange.plan.model_copy(update={"margin": "-5"})
    copy.book.canaries["strange"] = replace(strange, plan=plan, since=1)
    world.counts.now = WORSE
    assert await copy.keep() == 2
    assert (copy.state, copy.book.canaries["later"].state) == ("aborted", "aborted")
    assert "strange cannot be judged" in (copy.keep.trouble or "")
    [row] = (await copy.ask(canary="strange")).canaries
    assert "it cannot be judged: the margin" in row.reason
    assert (await copy.ask(abort={"canary": "strange"})).canaries[0].state == "aborted"


async def test_two_copies_that_decide_the_same_append_it_once(world: World) -> None:
    one = await world.started()
    other = world.copy()
    await other.reached(0)
    world.counts.now = WORSE
    await one.keep()
    await other.keep()
    assert world.facts == ["drafted", "started", "aborted"]
    assert other.state == "aborted"


@given(st.lists(st.sampled_from(["one", "other", "start", "abort", "promote", "equal", "worse", "few"]), max_size=12))
async def test_whatever_the_order_there_is_one_end_and_a_new_process_knows_it(steps: list[str]) -> None:
    world = World()
    copies = {"one": world.copy(), "other": world.copy()}
    await copies["one"].ask(draft=PLAN)
    counts = {"equal": EQUAL, "worse": WORSE, "few": FEW}
    for step in steps:
        if step in counts:
            world.counts.now = counts[step]
        elif step in copies:
            await copies[step].keep()
        elif step == "start":
            await copies["one"].ask(start="level3")
        else:
            await copies["one"].ask(**{step: {"canary": "level3"}})
    processes = [*copies.values(), world.copy()]
    for it in processes:
        await it.reached(0)
    assert all(it.book.canaries == processes[-1].book.canaries for it in processes)
    assert sum(it in {"promoted", "aborted"} for it in world.facts) <= 1


async def test_a_repeated_request_changes_nothing(world: World) -> None:
    copy = await world.started()
    await copy.ask(draft=PLAN)
    await copy.ask(start="level3")
    await copy.ask(abort={"canary": "level3"})
    await copy.ask(abort={"canary": "level3"})
    assert world.facts == ["drafted", "started", "aborted"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"share_percent": 10}, "drafted"),
        ({"canary": "other", "candidate": 1}, "no_difference"),
        ({"canary": "other", "subject": "weather"}, "bad_subject"),
        ({"canary": "other", "metrics": [{"name": "charm", "ratio": "1"}]}, "bad_metric"),
        ({"canary": "other", "margin": "0"}, "bad_design"),
        ({"canary": "other", "margin": "999999999999999999"}, "bad_design"),
        ({"canary": "other", "candidate": "x" * 5000}, "large_value"),
        ({"canary": "other", "subject": "backend", "baseline": "aer", "candidate": 3}, "bad_value"),
        ({"canary": "other", "subject": "policy", "baseline": "fair", "candidate": ["fair"]}, "bad_value"),
    ],
)
async def test_a_plan_that_cannot_be_kept_is_refused(world: World, change: dict[str, Any], code: str) -> None:
    copy = await world.started()
    assert [it.code for it in (await copy.ask(draft={**PLAN, **change})).errors] == [code]


async def test_one_canary_runs_with_a_flag_at_a_time(world: World) -> None:
    copy = await world.started()
    await copy.ask(draft={**PLAN, "canary": "level2", "candidate": 2})
    assert (await copy.ask(start="level2")).errors[0].code == "flag_in_use"
    assert (await copy.ask(start="level4")).errors[0].code == "no_canary"
    await copy.ask(abort={"canary": "level3"})
    assert (await copy.ask(start="level3")).errors[0].code == "not_draft"
    assert (await copy.ask(start="level2")).canaries[0].state == "running"
    assert [it["canary"] for it in copy.book.flags("acme")] == ["level2"]


async def test_a_policy_is_compared_in_shadow_and_a_person_decides(world: World) -> None:
    plan = {"subject": "policy", "flag": "policy", "baseline": "fair-share/4"}
    copy = world.copy()
    unknown = await copy.ask(draft={**PLAN, **plan, "candidate": "chance/1"})
    assert [it.code for it in unknown.errors] == ["no_policy"]
    copy = await world.started(**plan, candidate="fair-share/3")
    assert "no placement yet" in (await copy.ask(canary="level3")).canaries[0].reason
    counts = {"cycles": 10, "placed": 100, "same": 97, "moved": 2, "missing": 1, "added": 4}
    for number in (1, 2):
        report = Shadow.model_validate({"canary": "level3", "number": number, "since": NOON, "until": NOON, **counts})
        await world.log.append(CanaryShadowed(source="qb/scheduler", data=report))
    await copy.reached(0)
    (row,) = (await copy.ask(canary="level3")).canaries
    assert row.reason.startswith("97.0 % of 200 placements are the same")
    assert row.shadow is not None
    assert (row.shadow.cycles, row.shadow.moved, row.shadow.added) == (20, 4, 8)
    world.counts.now = WORSE
    assert await copy.keep() == 0, "the rules do not judge a policy"
    assert (await copy.ask(promote={"canary": "level3"})).errors[0].code == "not_passed"
    order = {"canary": "level3", "unproven": True, "reason": "replayed on a month"}
    assert (await copy.ask(promote=order)).canaries[0].state == "promoted"


async def test_a_tenant_sees_the_canaries_that_concern_it(world: World) -> None:
    copy = await world.started(tenant="acme")
    await copy.ask(draft={**PLAN, "canary": "draft", "flag": "other"})
    assert [it["flag"] for it in flags_for(copy.book, "acme", Question()).rows] == ["optimization-level"]
    assert not flags_for(copy.book, "globex", Question()).rows


async def test_the_routes_answer(world: World) -> None:
    copy = await world.started()
    answer = AnswerCanaries(world.log, copy.book, copy, world.counts, FixedClock(NOON))
    async with in_memory(canary_requests(answer), flag_queries(lambda *it: flags_for(copy.book, *it))) as broker:
        reply = await broker.request(CanaryRequest(by="eve"), CANARY_REQUEST)
        assert CanaryAnswer.model_validate_json(reply.body).canaries[0].plan.canary == "level3"
        reply = await broker.request(Question(), query("canaries", "acme"))
        assert b'"share_percent":50' in reply.body


def test_a_fact_without_its_draft_is_ignored() -> None:
    log, book = MemoryLog(), CanaryBook()
    event = CanaryAborted.model_validate({"source": "qb/alerting", "data": {"canary": "x", "reason": "?"}})
    book.take(Stored(sequence=1, subject="qb.canary.x.aborted", event=event, stored_at=NOON))
    assert not book.canaries
    assert not log.stored
    assert CanaryPlan.model_validate(PLAN).cases == 500
