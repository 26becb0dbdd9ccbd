"""Several circuits on one device: apart from each other, for a share of the time, and never worse off for it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit

from queuebit_contracts.job import Compilation
from queuebit_contracts.sharing import MOST_TOGETHER, may_share
from queuebit_executor.answers import Ran, Refused
from queuebit_executor.compilation import described
from queuebit_executor.errors import Orphaned
from queuebit_executor.policy import Sharing, companions
from queuebit_executor.ports import CircuitWork
from queuebit_executor.shared_circuits import SharedCircuits
from queuebit_executor.single_runs import SingleRuns
from queuebit_executor.worker_pool import WorkerPool
from queuebit_quantum import Backend, Compiled, Description
from queuebit_quantum.regions import Region
from queuebit_runtime.tasks import Tasks

from .conftest import BELL, TARGET, offer, refusal

ALONE_US = 1_000_000
SHOTS = 1_000


def ran(seed: int, qpu_us: int = ALONE_US, duration_ns: int = 0) -> Ran:
    compiled = Compilation(
        compiler="fake 1", digest=TARGET, seed=1, depth=3, two_qubit_gates=1, duration_ns=duration_ns
    )
    return Ran(compilation=compiled, qubits=2, qpu_us=qpu_us, counts=json.dumps({"00": seed}).encode())


@dataclass
class Request:
    """What a child was asked for."""

    owner: str
    seeds: list[int]
    regions: list[list[int] | None]


@dataclass
class Device:
    """One slot; children of several tenants, which answer `run` for each circuit, and None where they end."""

    size = 1
    requests: list[Request] = field(default_factory=list)
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    run: Callable[[int, bool], Any] = lambda seed, shared: ran(seed)

    @asynccontextmanager
    async def borrow(self, line: str) -> AsyncIterator[Device]:
        async with self.free:
            yield self

    async def ask_each(
        self,
        head: dict[str, Any],
        read: object,
        body: bytes,
        take: Callable[[Ran | Refused], None],
        most: int,
        seconds: float,
    ) -> Refused | None:
        runs = head["runs"]
        self.requests.append(Request(head["owner"], [it["seed"] for it in runs], [it.get("region") for it in runs]))
        for it in runs:
            answer = self.run(it["seed"], "region" in it)
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                answer = ran(it["seed"])
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                return refusal("crashed")
            take(answer)
        return None


class _Busy:
    def start(self) -> None: ...

    def reset(self) -> None: ...


class Bench:
    """A device with room for some circuits."""

    def __init__(self, room: int = 8) -> None:
        self.device, self.room = Device(), room
        self.sizes: list[list[int]] = []
        self.while_choosing: Callable[[], object] = lambda: None
        described = offer("dev", "emulated").model_copy(
            update={"shares": True, "rep_delay_ns": 250_000, "overhead_ns": 1_000_000_000}
        )
        pool = cast("WorkerPool", self.device)  # what is used of it
        self.runs = SingleRuns(lambda: described, pool, SharedCircuits(), Tasks(), 60, self.regions)

    async def regions(self, sizes: Sequence[int]) -> list[Region | None]:
        self.sizes.append([*sizes])
        self.while_choosing()
        await asyncio.sleep(0)
        return [(number * 10, number * 10 + 1) if number < self.room else None for number in range(len(sizes))]

    async def one(
        self, seed: int, tenant: str = "acme", consent: str | None = "anyone", shots: int = SHOTS
    ) -> Ran | Refused:
        work = CircuitWork(BELL.encode(), shots, seed, 1_250_000, f"token-{seed}", shared_device=consent, qubits=2)
        async with self.runs.turn(tenant, work, _Busy()) as turn:
            return await turn.answer()

    async def queued(
        self, *members: tuple[int, str], consent: str | None = "anyone", shots: int = SHOTS
    ) -> list[asyncio.Task[Ran | Refused]]:
        """Let circuits wait while another has the device."""
        tasks = [asyncio.ensure_future(self.one(seed, tenant, consent, shots)) for seed, tenant in members]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks

    async def together(self, *members: tuple[int, str]) -> list[Ran | Refused]:
        async with self.device.free:
            waiting = await self.queued(*members)
        async with asyncio.timeout(20):
            return await asyncio.gather(*waiting)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def shares(answers: Sequence[Ran | Refused]) -> list[int]:
    return [it.qpu_us for it in answers if isinstance(it, Ran)]


def is_shared(answer: Ran | Refused) -> bool:
    return isinstance(answer, Ran) and answer.shared is not None


async def test_each_has_its_own_counts_its_region_and_a_share_of_the_time(bench: Bench) -> None:
    answers = await bench.together((1, "acme"), (2, "acme"), (3, "acme"))
    assert bench.device.requests == [Request("acme", [1, 2, 3], [[0, 1], [10, 11], [20, 21]])]
    assert [json.loads(it.counts) for it in answers if isinstance(it, Ran)] == [{"00": 1}, {"00": 2}, {"00": 3}]
    shared = [it.shared for it in answers if isinstance(it, Ran) and it.shared is not None]
    assert [it.region for it in shared] == [(0, 1), (10, 11), (20, 21)]
    assert {it.circuits for it in shared} == {3}
    assert len({it.run for it in shared}) == 1
    assert shares(answers) == [416_667, 416_667, 416_666]  # of 1,000 shots with a pause of 250 µs, and 1 s


async def test_no_child_has_circuits_of_two_tenants(bench: Bench) -> None:
    answers = await bench.together((1, "acme"), (2, "globex"), (3, "acme"), (4, "initech"))
    assert all(map(is_shared, answers))
    assert [(it.owner, it.seeds) for it in bench.device.requests] == [
        ("acme", [1, 3]),
        ("globex", [2]),
        ("initech", [4]),
    ]
    assert sum(shares(answers)) == 1_250_000


def test_a_circuit_has_another_digest_on_another_region() -> None:
    backend = cast("Backend", SimpleNamespace(describe=lambda: Description("d", "v", "qpu", 4, (), 100, TARGET)))

    def digest_on(qubit: int) -> str:
        program = QuantumCircuit(4)
        program.x(qubit)
        compiled = Compiled(TARGET, TARGET, "qiskit", 1, 0, 1, program, (1,))
        return str(described(backend, 1, compiled, (qubit, qubit + 1))["compilation"]["compiled"])

    assert digest_on(0) != digest_on(2)
    assert digest_on(0) == digest_on(0)


async def test_the_device_is_busy_as_long_as_the_longest(bench: Bench) -> None:
    bench.device.run = lambda seed, shared: ran(seed, duration_ns=seed * 100_000)
    answers = await bench.together((1, "acme"), (5, "acme"))
    assert sum(shares(answers)) == 1_000_000 + SHOTS * (250 + 500)


async def test_the_first_waits_for_no_member_that_is_missing(bench: Bench) -> None:
    assert not is_shared(await bench.one(1))
    assert not is_shared(await bench.one(2))
    assert [it.regions for it in bench.device.requests] == [[None], [None]]


@pytest.mark.parametrize(
    ("tenant", "consent", "shots"),
    [
        pytest.param("acme", None, SHOTS, id="its project allows none"),
        pytest.param("acme", "friends", SHOTS, id="a word of a later version"),
        pytest.param("globex", "tenant", SHOTS, id="it allows its own tenant only"),
        pytest.param("acme", "anyone", SHOTS + 1, id="it has other shots"),
    ],
)
async def test_those_that_may_not_be_together_are_not(
    bench: Bench, tenant: str, consent: str | None, shots: int
) -> None:
    async with bench.device.free:
        waiting = [*await bench.queued((1, "acme")), *await bench.queued((2, tenant), consent=consent, shots=shots)]
    assert not any(map(is_shared, await asyncio.gather(*waiting)))
    assert [it.seeds for it in bench.device.requests] == [[1], [2]]


async def test_each_tenant_that_waits_has_its_turn_in_a_run(bench: Bench) -> None:
    """One with many circuits does not take all places."""
    members = [*((seed, "acme") for seed in range(20)), (20, "globex"), (21, "initech")]
    async with bench.device.free:
        waiting = await bench.queued(*members)
    await asyncio.gather(*waiting)
    assert [(it.owner, len(it.seeds)) for it in bench.device.requests[:3]] == [
        ("acme", 6),
        ("globex", 1),
        ("initech", 1),
    ]


CONSENTS = st.sampled_from([None, "tenant", "anyone", "friends"])
SHARING = st.builds(Sharing, st.tuples(st.sampled_from(["a", "b"]), CONSENTS), st.sampled_from([100, 200]))


@given(SHARING, st.lists(SHARING, max_size=30))
def test_each_pair_on_a_device_agreed_to_be_together(first: Sharing, waiting: list[Sharing]) -> None:
    found = companions(first, waiting)
    assert found == sorted({*found})
    together = [first, *(waiting[it] for it in found)]
    assert len(together) <= MOST_TOGETHER
    assert {it.shots for it in together} == {first.shots}
    assert all(may_share(one.owner, other.owner) for one, other in itertools.combinations(together, 2))
    left = [it for place, it in enumerate(waiting) if place not in found and it.shots == first.shots]
    if len(together) < MOST_TOGETHER:
        assert not any(all(may_share(it.owner, other.owner) for other in together) for it in left)


async def test_those_without_room_run_after_the_others_and_may_share_among_themselves(bench: Bench) -> None:
    bench.room = 2
    answers = await bench.together(*((seed, "acme") for seed in range(1, 6)))
    assert [it.seeds for it in bench.device.requests] == [[1, 2], [3, 4], [5]]
    assert [is_shared(it) for it in answers] == [True, True, True, True, False]


async def test_on_a_device_without_room_for_two_each_runs_alone(bench: Bench) -> None:
    bench.room = 1
    answers = await bench.together((1, "acme"), (2, "globex"))
    assert not any(map(is_shared, answers))
    assert [it.regions for it in bench.device.requests] == [[None], [None]]


@pytest.mark.parametrize("wrong", [None, refusal("does_not_fit"), refusal("out_of_memory")])
async def test_what_fails_beside_others_runs_alone_and_the_others_are_not_affected(
    bench: Bench, wrong: Refused | None
) -> None:
    """A crash of its child takes the other circuits of the same tenant with it: they run again, too."""
    bench.device.run = lambda seed, shared: wrong if shared and seed == 2 else ran(seed)
    answers = await bench.together((1, "acme"), (2, "evil"), (3, "globex"))
    assert [it.counts for it in answers if isinstance(it, Ran)] == [ran(1).counts, ran(2).counts, ran(3).counts]
    assert [is_shared(it) for it in answers] == [True, False, True]
    assert sum(shares([answers[0], answers[2]])) == 1_250_000
    assert bench.device.requests[-1] == Request("evil", [2], [None])


async def test_if_only_one_ran_nothing_was_shared(bench: Bench) -> None:
    bench.device.run = lambda seed, shared: refusal("does_not_fit") if shared and seed == 2 else ran(seed)
    answers = await bench.together((1, "acme"), (2, "evil"))
    assert shares(answers) == [ALONE_US, ALONE_US]
    assert not any(map(is_shared, answers))


async def test_a_refusal_alone_is_the_answer_of_its_own_circuit_only(bench: Bench) -> None:
    bench.device.run = lambda seed, shared: refusal("syntax") if seed == 2 else ran(seed)
    first, second, third = await bench.together((1, "acme"), (2, "evil"), (3, "globex"))
    assert isinstance(second, Refused)
    assert is_shared(first)
    assert is_shared(third)


@pytest.mark.parametrize("duration_ns", [1_250_000, 1_251_000, 10**10], ids=["as long", "longer", "much longer"])
async def test_a_run_that_takes_longer_than_all_one_by_one_is_paid_by_none(bench: Bench, duration_ns: int) -> None:
    bench.device.run = lambda seed, shared: ran(seed, duration_ns=duration_ns if shared else 0)
    answers = await bench.together((1, "acme"), (2, "evil"))
    as_long = [1_250_000, 1_250_000]  # both quotes, for 1,000 shots of 1.5 ms, and 1 s
    assert shares(answers) == (as_long if duration_ns == 1_250_000 else [ALONE_US, ALONE_US])


async def test_one_that_is_cancelled_while_regions_are_chosen_is_left_out(bench: Bench) -> None:
    async with bench.device.free:
        first, second, third = await bench.queued((1, "acme"), (2, "globex"), (3, "acme"))
        bench.while_choosing = second.cancel
    assert is_shared(await first)
    assert is_shared(await third)
    assert [it.seeds for it in bench.device.requests] == [[1, 3]]


async def test_if_the_first_is_cancelled_while_regions_are_chosen_it_does_not_run(bench: Bench) -> None:
    async with bench.device.free:
        first, second = await bench.queued((1, "acme"), (2, "globex"))
        bench.while_choosing = first.cancel
    assert is_shared(await second) is False
    assert [it.seeds for it in bench.device.requests] == [[2]]


async def test_one_that_is_cancelled_while_another_runs_is_not_run_any_more(bench: Bench) -> None:
    go_on = asyncio.Event()
    bench.device.run = lambda seed, shared: go_on if seed == 1 else ran(seed)
    async with bench.device.free:
        first, second, third = await bench.queued((1, "acme"), (2, "globex"), (3, "initech"))
    await bench.queued()
    second.cancel()
    await asyncio.wait((second,))
    go_on.set()
    assert is_shared(await first)
    assert is_shared(await third)
    assert [it.owner for it in bench.device.requests] == ["acme", "initech"]


async def test_a_run_of_which_no_answer_is_wanted_frees_the_device(bench: Bench) -> None:
    bench.device.run = lambda seed, shared: asyncio.Event() if shared else ran(seed)
    async with bench.device.free:
        waiting = await bench.queued((1, "acme"), (2, "globex"))
    await bench.queued()
    for it in waiting:
        it.cancel()
    await asyncio.wait(waiting)
    async with asyncio.timeout(20):
        assert await bench.one(3) == ran(3)


async def test_without_children_each_is_reported_the_fault(bench: Bench) -> None:
    bench.device.run = lambda seed, shared: Orphaned("the zygote has ended")
    async with bench.device.free:
        waiting = await bench.queued((1, "acme"), (2, "globex"))
    for it in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(it, Orphaned)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["ok", "refused", "ends"])), max_size=12))
def test_whatever_happens_each_has_its_own_answer_and_pays_no_more_than_alone(
    members: list[tuple[str, str]],
) -> None:
    async def run_all() -> None:
        bench = Bench(room=5)
        fates = [fate for _, fate in members]
        answers: dict[str, Callable[[int], Ran | Refused | None]] = {
            "ok": ran,
            "refused": lambda _: refusal("does_not_fit"),
            "ends": lambda _: None,
        }
        bench.device.run = lambda seed, shared: answers[fates[seed]](seed) if shared else ran(seed, 1_250_000)
        found = await bench.together(*((seed, tenant) for seed, (tenant, _) in enumerate(members)))
        assert [it.counts for it in found if isinstance(it, Ran)] == [ran(it).counts for it in range(len(members))]
        assert all(it.qpu_us <= 1_250_000 for it in found if isinstance(it, Ran))
        runs: dict[str, list[Ran]] = {}
        for it in found:
            if isinstance(it, Ran) and it.shared is not None:
                runs.setdefault(it.shared.run, []).append(it)
        for of_run in runs.values():
            assert {it.shared.circuits for it in of_run if it.shared} == {len(of_run)}
            assert sum(it.qpu_us for it in of_run) == 1_250_000
        for request in bench.device.requests:
            assert len({members[seed][0] for seed in request.seeds}) == 1

    asyncio.run(run_all())
