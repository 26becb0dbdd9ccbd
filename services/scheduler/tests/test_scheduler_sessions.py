"""Sessions in the scheduler: from the log to the order of runs, and what others receive beside them."""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import Question
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduler.state import State
from queuebit_scheduling.policy import BURST_US, SESSION_PARTS

from .conftest import World

QUICK = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same cases in every run; a busy machine may be slow."""


def placed(world: World) -> list[tuple[str, str | None]]:
    """Job and counted session of each placement of a cycle."""
    found = [(it.data.job, it.data.session) for it in world.cycle()]
    world.fold()
    return found


def test_jobs_of_an_open_session_are_placed_first_and_the_placement_says_so(world: World) -> None:
    world.happens(world.registered("aer"), world.opened("s1"), world.accepted("old"), world.accepted("other", "rival"))
    world.happens(world.accepted("fast", session="s1"))
    assert placed(world) == [("fast", "s1"), ("other", None), ("old", None)], "acme received more"


@pytest.mark.parametrize(
    ("opened", "accepted"),
    [
        pytest.param({"backend": None}, {}, id="it names no backend"),
        pytest.param({"backend": "cirq"}, {}, id="it names another"),
        pytest.param({"tenant": "rival"}, {}, id="it is of another tenant"),
        pytest.param({}, {"backends": ("aer", "cirq")}, id="the job may run elsewhere"),
        pytest.param({}, {"session": "s2"}, id="it is another session"),
    ],
)
def test_there_is_no_priority_where_there_is_no_such_session(
    world: World, opened: dict[str, str], accepted: dict[str, str]
) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"), world.opened("s1", **opened))
    world.happens(world.accepted("old"), world.accepted("new", **{"session": "s1", **accepted}))  # type: ignore[arg-type]  # of each its own type
    assert placed(world) == [("old", None), ("new", None)]


def test_priority_ends_with_the_session_also_for_jobs_that_wait(world: World) -> None:
    world.happens(world.registered("aer"), world.opened("s1"), world.accepted("old"))
    world.happens(world.accepted("fast", session="s1"), world.accepted("later", session="s1"), world.closed("s1"))
    assert placed(world) == [("old", None), ("fast", None), ("later", None)]
    assert world.state.backends()["aer"].sessions == 0


def test_a_tenant_sees_its_jobs_with_priority_first_and_why(world: World) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"f{n}") for n in range(8)))
    placed(world)
    world.happens(world.opened("s1"), world.accepted("old"), world.accepted("fast", session="s1"))
    rows = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    assert [(row["job"], row["position"]) for row in rows][:2] == [("fast", 1), ("old", 2)]
    assert str(rows[0]["reason"]).startswith("it runs first: session s1; ")


def test_what_a_session_received_before_others_is_owed_until_others_ran(world: World) -> None:
    world.happens(world.registered("aer"), world.opened("s1"), world.accepted("other", "rival"))
    world.happens(world.accepted("fast", session="s1", qpu_us=9_000_000))
    [fast, other] = world.cycle()
    world.fold()
    assert world.state.backends()["aer"].owed_us == 9_000_000
    world.run(fast, seconds=12)
    assert world.state.backends()["aer"].owed_us == 12_000_000
    world.run(other, seconds=3)
    assert world.state.backends()["aer"].owed_us == 12_000_000 - SESSION_PARTS * 3_000_000


def test_a_job_of_a_session_that_never_ran_is_not_owed_and_pays_nothing_back(world: World) -> None:
    world.happens(world.registered("aer"), world.opened("s1"), world.accepted("other", "rival"))
    world.happens(world.accepted("fast", session="s1"), world.accepted("gone", session="s1"))
    placed(world)
    world.happens(world.started("fast"))
    world.clock.advance(2)
    world.happens(world.completed("fast"), world.cancelled("gone"), world.cancelled("other", "rival"))
    assert world.state.backends()["aer"].owed_us == 2_000_000


class Run(NamedTuple):
    """One run of the simulated backend."""

    session: bool
    seconds: float


def simulate(world: World, session_s: float, other_s: float, *, depth: int, others: int, runs: int) -> list[Run]:
    """Run jobs one after the other on one slot. Other tenants always wait, and a session has `depth` jobs at once."""
    world.happens(world.registered("aer"), world.opened("s1", "ses"))
    number, queue, served = count(), list[JobPlaced](), list[Run]()

    def job(tenant: str, seconds: float, session: str | None = None) -> None:
        # another number of shots is another size, so that run times of the two are learned separately
        shots = 100 if session is None else 100_000
        us = int(seconds * 10**6)
        world.happens(world.accepted(f"j{next(number)}", tenant, qpu_us=us, shots=shots, session=session))

    for _ in range(runs):
        for it in range(others):
            while len(world.state.waiting_of(f"t{it}")) < 20:
                job(f"t{it}", other_s)
        while len(world.state.waiting_of("ses")) < depth:
            job("ses", session_s, "s1")
        queue += world.cycle()
        world.fold()
        first = queue.pop(0)
        run = Run(first.data.tenant == "ses", session_s if first.data.tenant == "ses" else other_s)
        world.run(first, run.seconds)
        served.append(run)
    return served


def most_in_advance(served: list[Run]) -> float:
    """Over all intervals, the most that sessions received above three times what the others received."""
    most = now = 0.0
    for run in served:
        now = max(0.0, now + (run.seconds if run.session else -SESSION_PARTS * run.seconds))
        most = max(most, now)
    return most


@QUICK
@given(st.sampled_from([0.1, 1.0, 5.0, 60.0]), st.sampled_from([0.1, 1.0, 5.0, 60.0]), st.sampled_from([1, 20]))
def test_in_any_interval_sessions_receive_at_most_three_quarters_and_ten_seconds(
    world_of: Callable[..., World], session_s: float, other_s: float, depth: int
) -> None:
    served = simulate(world_of(16), session_s, other_s, depth=depth, others=2, runs=50)
    assert most_in_advance(served) <= BURST_US / 10**6 + max(session_s, other_s)


@pytest.mark.parametrize("seconds", [0.1, 5.0])
def test_a_session_that_iterates_waits_for_two_jobs_or_two_seconds_and_receives_more_than_half(
    world_of: Callable[..., World], seconds: float
) -> None:
    served = simulate(world_of(16), seconds, seconds, depth=1, others=5, runs=100)
    assert sum(it.session for it in served) > len(served) / 2, "by fair share it would receive a sixth"
    longest = max(len(it) for it in "".join("s" if it.session else "o" for it in served).split("s"))
    assert longest <= 16 if seconds < 1 else longest <= 3


STEPS = st.lists(st.tuples(st.sampled_from("oxasce"), st.integers(0, 5)), max_size=25)


@settings(QUICK, max_examples=60)
@given(STEPS, st.floats(0, 1))
def test_a_restart_sees_the_same_sessions(
    world_of: Callable[..., World], steps: list[tuple[str, int]], at: float
) -> None:
    """The state after a history, folded at once, or from records in the middle, decides alike."""
    world = world_of(2)
    world.happens(world.registered("aer"))
    running: list[JobPlaced] = []
    for number, (step, choice) in enumerate(steps):
        world.clock.advance(1)
        if step in "ox":
            world.happens(world.opened(f"s{choice % 2}") if step == "o" else world.closed(f"s{choice % 2}"))
        elif step in "as":
            session = f"s{choice % 2}" if step == "s" else None
            world.happens(world.accepted(f"j{number}", qpu_us=choice * 10**6, session=session))
        elif step == "e" and running:
            world.run(running.pop(choice % len(running)), seconds=choice)
        else:
            running += world.cycle()
            world.fold()
    again, first = State(2), State(2)
    world.fold(again)
    cut = round(at * len(world.log.stored))
    for stored in world.log.stored[:cut]:
        first.evolve(stored.event, stored.sequence, world.moments[stored.sequence - 1])
    resumed = State(2)
    frozen = first.freeze()
    resumed.restore(type(frozen).decode(frozen.encode()))
    for stored in world.log.stored[cut:]:
        resumed.evolve(stored.event, stored.sequence, world.moments[stored.sequence - 1])
    now = world.clock.now()
    assert again.snapshot(now, 32) == world.state.snapshot(now, 32) == resumed.snapshot(now, 32)
