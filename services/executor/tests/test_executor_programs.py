"""Programs: estimated from representative circuits, run item by item, with a result or failure for each item."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from queuebit_contracts.job import GateShots, ItemSummary, JobCompleted, JobFailed, Usage
from queuebit_contracts.processing import ZNE
from queuebit_contracts.program import CIRCUIT, PROGRAM, Item, Program
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_contracts.results import RESULTS, Results
from queuebit_contracts.usage import CPU_TIME, QPU_TIME, QUBITS, SHOTS, quantities
from queuebit_contracts.wire import Payload
from queuebit_executor.answers import Profiled, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.policy import Allowance
from queuebit_executor.ports import Asker
from queuebit_executor.profiling import AnswerProfile
from queuebit_executor.seeds import item_seed
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, Superseded
from queuebit_quantum import Input
from queuebit_runtime.payloads import describe

from .conftest import World

ME = Instance("aer", "executor-aer@here:1", slots=2, memory_mb=1536)
SOURCE = "OPENQASM 3.0; input float theta; …"


def sweep(count: int, *, observables: tuple[dict[str, float], ...] = ()) -> Program:
    circuit = describe(SOURCE.encode(), CIRCUIT)
    items = tuple(Item(parameters={"theta": step / 10}, observables=observables) for step in range(count))
    return Program(circuits=(circuit,), items=items)


def asked(program: Program, *backends: str, shots: int = 100) -> ProfileRequest:
    return ProfileRequest(tenant="acme", circuit=describe(program.content(), PROGRAM), shots=shots, backends=backends)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def answer(world: World, clock: FixedClock) -> AnswerProfile:
    world.circuits.declared = (Input("theta", "float"),)
    device = world.offer("device", "emulated")
    return AnswerProfile(world.payloads, world.circuits, (world.offer("aer"), device), clock, Allowance(1536, 60))


@pytest.fixture
def watch(world: World) -> JobWatch:
    return JobWatch(world.log)


@pytest.fixture
def run(world: World, clock: FixedClock, watch: JobWatch) -> RunPlacement:
    return RunPlacement(world.log, world.payloads, world.circuits, clock, watch, me=ME, pauses=(0, 0, 0))


def results_in(end: JobCompleted | JobFailed) -> Results:
    assert end.data.result is not None
    assert end.data.result.inline is not None
    return Results.model_validate_json(end.data.result.inline)


async def test_a_sweep_is_estimated_from_a_few_of_its_bindings(world: World, answer: AnswerProfile) -> None:
    await world.payloads.put("acme", sweep(1_000).content(), PROGRAM)
    found = await answer(asked(sweep(1_000), "aer"))
    assert found.profile is not None
    assert (found.profile.items, found.profile.shots, found.profile.qubits) == (1_000, 100_000, 2)
    one = (await answer(asked(sweep(1), "aer"))).estimates[0]
    assert found.estimates[0].qpu_us == 1_000 * one.qpu_us
    values = [it.parameters["theta"] for it in world.circuits.bound]
    assert 0.0 in values
    assert 99.9 in values, "the smallest and the largest"
    assert world.circuits.profiled <= 4


async def test_bases_are_counted_and_a_devices_overhead_is_charged_once(world: World, answer: AnswerProfile) -> None:
    world.circuits.overhead_ns = 2_000_000
    program = sweep(10, observables=({"ZZ": 1.0}, {"XX": 1.0}, {"IZ": 1.0}))
    found = await answer(asked(program, "device"))
    assert found.profile is not None
    assert found.profile.shots == 10 * 2 * 100
    assert {it.basis for it in world.circuits.bound} == {"ZZ"}
    (estimate,) = found.estimates
    assert estimate.qpu_us == 2_000 + 10 * 2 * (100 * 1_000 // 1_000)


async def test_gates_of_all_circuits_are_added(world: World, answer: AnswerProfile) -> None:
    world.circuits.gates = (3, 2, 4)
    program = sweep(10, observables=({"ZZ": 1.0}, {"XX": 1.0}, {"IZ": 1.0}))
    (found,) = (await answer(asked(program, "device"))).estimates
    runs = 10 * 2 * 100
    assert found.gate_shots == GateShots(gates_1q=3 * runs, gates_2q=2 * runs, measurements=4 * runs)


async def test_items_have_shots_of_their_own(world: World, answer: AnswerProfile, run: RunPlacement) -> None:
    program = sweep(3)
    few = program.items[1].model_copy(update={"shots": 7})
    program = program.model_copy(update={"items": (program.items[0], few, program.items[2])})
    found = await answer(asked(program, "aer"))
    assert found.profile is not None
    assert found.profile.shots == 100 + 7 + 100
    same = (await answer(asked(sweep(2), "aer"))).estimates[0]
    assert found.estimates[0].qpu_us > same.qpu_us
    event, sequence = await world.place(carried=describe(program.content(), PROGRAM))
    await run(event, sequence)
    assert [work.shots for work, _, _ in world.circuits.items] == [event.data.shots, 7, event.data.shots]


async def test_a_vendor_charges_its_overhead_for_each_submission(world: World, clock: FixedClock) -> None:
    world.circuits.declared, world.circuits.overhead_ns = (Input("theta", "float"),), 2_000_000
    vendor = world.offer("vendor", "qpu").model_copy(update={"remote": True, "max_items": 4})
    answer = AnswerProfile(world.payloads, world.circuits, (vendor,), clock, Allowance(1536, 60))
    one, three = [(await answer(asked(sweep(items)))).estimates[0].qpu_us for items in (1, 9)]
    assert (one, three) == (2_000 + 100, 3 * 2_000 + 9 * 100)
    two_bases = sweep(3, observables=({"ZZ": 1.0}, {"XX": 1.0}))
    (estimate,) = (await answer(asked(two_bases))).estimates
    assert estimate.qpu_us == 2 * 2_000 + 6 * 100, "two items of two circuits, and then one"


@pytest.mark.parametrize(
    ("billed_task", "task_shots", "tasks"),
    [("job", 0, None), ("circuit", 0, 9), ("submission", 0, 3), ("submission", 399, 9), ("submission", 400, 3)],
)
async def test_a_vendors_tasks_are_quoted(
    world: World, clock: FixedClock, billed_task: str, task_shots: int, tasks: int | None
) -> None:
    world.circuits.declared = (Input("theta", "float"),)
    about = {"remote": True, "max_items": 4, "billed_task": billed_task, "task_shots": task_shots}
    vendor = world.offer("vendor", "qpu").model_copy(update=about)
    answer = AnswerProfile(world.payloads, world.circuits, (vendor,), clock, Allowance(1536, 60))
    (estimate,) = (await answer(asked(sweep(9)))).estimates
    assert estimate.tasks == tasks


async def test_circuits_of_different_shots_are_no_common_task(world: World, clock: FixedClock) -> None:
    world.circuits.declared = (Input("theta", "float"),)
    vendor = world.offer("vendor", "qpu").model_copy(
        update={"remote": True, "max_items": 4, "billed_task": "submission"}
    )
    answer = AnswerProfile(world.payloads, world.circuits, (vendor,), clock, Allowance(1536, 60))
    program = sweep(8, observables=({"ZZ": 1.0}, {"XX": 1.0}))
    few = program.items[1].model_copy(update={"shots": 7})
    program = program.model_copy(update={"items": (program.items[0], few, *program.items[2:])})
    (estimate,) = (await answer(asked(program))).estimates
    assert estimate.tasks == 4 + 1 + 1 + 1, "two bases for each of two items with other shots, and three submissions"


async def test_an_item_that_no_submission_can_hold_is_refused_before_it_is_paid_for(
    world: World, clock: FixedClock
) -> None:
    world.circuits.declared = (Input("theta", "float"),)
    vendor = world.offer("vendor", "qpu").model_copy(update={"remote": True, "max_items": 1})
    answer = AnswerProfile(world.payloads, world.circuits, (vendor,), clock, Allowance(1536, 60))
    two_bases = sweep(1, observables=({"ZZ": 1.0}, {"XX": 1.0}))
    for program, code, text in (
        (two_bases, "too_many_bases", "2 circuits"),
        (sweep(501), "too_many_submissions", "501"),
    ):
        (estimate,) = (await answer(asked(program))).estimates
        assert estimate.unfit is not None
        assert (estimate.unfit.code, text in estimate.unfit.text) == (code, True)


async def test_an_answer_is_remembered(world: World, answer: AnswerProfile) -> None:
    request = asked(sweep(5))
    first = await answer(request)
    world.circuits.profiled = 0
    world.payloads.reads.clear()
    assert answer.remembered(request) == first
    other = await answer(request.model_copy(update={"shots": 7}))
    assert other.profile is not None
    assert (other.profile.shots, world.circuits.profiled, world.payloads.reads) == (35, 0, [])


async def refused(answer: AnswerProfile, program: Program) -> str:
    found: ProfileAnswer = await answer(asked(program))
    assert found.error is not None
    return f"{found.error.code}: {found.error.message}"


async def test_wrong_parameters_are_named_with_their_items(answer: AnswerProfile) -> None:
    program = sweep(3)
    items = (Item(), Item(parameters={"theta": "01"}), Item(parameters={"theta": 1, "phi": 2}))
    text = await refused(answer, program.model_copy(update={"items": items}))
    code, *faults = re.split(r": (?=item 0)|; ", text)
    assert code == "parameter"
    assert [it.split(":")[0] for it in faults] == ["item 0", "item 1", "item 2"]
    assert ["theta" in faults[0], "theta" in faults[1], "phi" in faults[2]] == [True] * 3


async def test_what_is_wrong_with_all_items_alike_is_refused_with_the_first(
    world: World, answer: AnswerProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.circuits, "profile", failing_profile(world, only=None))
    assert (await refused(answer, sweep(3))).startswith("parameter: item 0: it is parameter")


async def test_a_binding_that_cannot_be_read_is_left_to_the_run(
    world: World, answer: AnswerProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.circuits, "profile", failing_profile(world, only=0.0))
    found = await answer(asked(sweep(3), "aer"))
    assert found.error is None
    assert found.profile is not None
    assert found.profile.items == 3


def failing_profile(world: World, only: float | None) -> Callable[[BoundCircuit, Asker], Awaitable[Profiled | Refused]]:
    original = world.circuits.profile

    async def profile(circuit: BoundCircuit, asker: Asker) -> Profiled | Refused:
        if only is None or circuit.parameters["theta"] == only:
            return world.refusal("parameter")
        return await original(circuit, asker)

    return profile


async def test_other_languages_and_missing_circuits_are_refused(world: World, answer: AnswerProfile) -> None:
    program = sweep(1)
    foreign = program.circuits[0].model_copy(update={"media_type": "application/qir"})
    text = await refused(answer, program.model_copy(update={"circuits": (foreign,)}))
    assert "circuit 0: application/qir" in text
    absent = Payload(digest="sha256:" + "1" * 64, size=20, media_type=CIRCUIT)
    assert (await refused(answer, program.model_copy(update={"circuits": (absent,)}))).startswith("payload_missing")
    qir = ProfileRequest(tenant="acme", circuit=describe(b"x", "application/qir"), shots=1)
    found = await answer(qir)
    assert found.error is not None
    assert found.error.code == "media_type"


async def test_items_run_one_after_another_each_with_its_own_seed(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place(carried=describe(sweep(3).content(), PROGRAM))
    await run(event, sequence)
    works = [work for work, _, _ in world.circuits.items]
    assert [work.item.parameters["theta"] for work in works] == [0.0, 0.1, 0.2]
    assert [work.seed for work in works] == [item_seed(7, number) for number in range(3)]
    assert len({work.token for work in works}) == 3
    assert world.circuits.workers_asked_for == 1
    (end,) = world.log.events(JobCompleted)
    assert end.data.items == ItemSummary(total=3, completed=3, failed=0)
    assert (end.data.usage.shots, end.data.usage.qpu_us, end.data.usage.qubits) == (3_000, 3_000, 2)
    assert (end.data.compilation.two_qubit_gates, end.data.compilation.depth) == (3, 3)
    assert end.data.result.media_type == RESULTS
    assert [it.counts for it in results_in(end).items] == [{"00": 1_000}] * 3


async def test_processor_time_of_steps_is_a_measure_beside_those_that_are_charged(
    world: World, run: RunPlacement
) -> None:
    program = sweep(3, observables=({"ZZ": 1.0},)).model_copy(update={"post": (ZNE,)})
    event, sequence = await world.place(carried=describe(program.content(), PROGRAM))
    await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    usage = end.data.usage
    assert quantities(usage) == {SHOTS: 3_000, QPU_TIME: 3_000, QUBITS: 2, CPU_TIME: 210}
    assert (usage.shots, usage.qpu_us, usage.qubits, usage.final) == (3_000, 3_000, 2, True)


async def test_a_failing_item_leaves_the_others_their_results(world: World, run: RunPlacement) -> None:
    world.circuits.failing = {1: world.refusal("crashed", lasting=False).model_copy(update={"used_us": 500})}
    event, sequence = await world.place(carried=describe(sweep(3).content(), PROGRAM))
    await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    assert end.data.items == ItemSummary(total=3, completed=2, failed=1)
    assert (end.data.usage.shots, end.data.usage.qpu_us) == (2_000, 2_500)
    failed = results_in(end).items[1]
    assert failed.reason is not None
    assert (failed.state, failed.reason.code) == ("failed", "crashed")


async def test_a_job_whose_items_all_fail_has_failed_and_says_why_for_each(world: World, run: RunPlacement) -> None:
    world.circuits.failing = {number: world.refusal("parameter") for number in range(3)}
    event, sequence = await world.place(carried=describe(sweep(3).content(), PROGRAM))
    await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert end.data.reason.code == "parameter"
    assert re.findall(r"\d+|it is \w+", end.data.reason.text) == ["3", "it is parameter"]
    assert end.data.items == ItemSummary(total=3, completed=0, failed=3)
    assert end.data.usage == Usage(shots=0, qpu_us=0, qubits=0)
    assert len(results_in(end).items) == 3


async def test_a_program_has_the_time_of_one_job(world: World, run: RunPlacement, clock: FixedClock) -> None:
    async def take() -> None:
        clock.advance(25.0)

    world.circuits.on_run = take
    event, sequence = await world.place(carried=describe(sweep(5).content(), PROGRAM))
    await run(event, sequence)
    assert [seconds for _, _, seconds in world.circuits.items] == [60.0, 35.0, 10.0]
    (end,) = world.log.events(JobCompleted)
    assert end.data.items == ItemSummary(total=5, completed=3, failed=2)
    reasons = [it.reason for it in results_in(end).items]
    assert [reason.code for reason in reasons if reason] == ["run_timeout", "run_timeout"]


async def test_an_item_that_its_program_leaves_no_time_is_not_called_slow(world: World, run: RunPlacement) -> None:
    """It was said to take longer than the 0.01 s that a run may take, and to use fewer qubits."""
    world.circuits.failing = {1: world.refusal("run_timeout", lasting=False)}
    await run(*await world.place(carried=describe(sweep(2).content(), PROGRAM)))
    (end,) = world.log.events(JobCompleted)
    assert end.data.result.inline is not None
    reason = Results.model_validate_json(end.data.result.inline).items[1].reason
    assert reason is not None
    assert reason.text == "the items before it left 60 s of the 60 s of one job: split the program into several jobs"


async def test_a_program_has_the_money_of_one_job(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place(carried=describe(sweep(3).content(), PROGRAM))
    await run(event, sequence)
    assert [budget for _, budget, _ in world.circuits.items] == [10_000_000, 9_999_000, 9_998_000]


async def test_results_beyond_one_jobs_are_not_measured(
    world: World, run: RunPlacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_executor.program_result.MAX_RESULT_BYTES", 10)
    event, sequence = await world.place(carried=describe(sweep(3).content(), PROGRAM))
    await run(event, sequence)
    assert len(world.circuits.items) == 1
    (end,) = world.log.events(JobCompleted)
    assert end.data.items == ItemSummary(total=3, completed=1, failed=2)


async def test_a_broken_program_fails_without_a_run(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place(carried=describe(b'{"program":"v9"}', PROGRAM))
    await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert end.data.reason.code == "bad_program"
    assert world.circuits.items == []


async def test_cancelling_a_job_begins_none_of_its_further_items(
    world: World, run: RunPlacement, watch: JobWatch
) -> None:
    async def cancel() -> None:
        await world.log.append(world.cancelled())
        watch.hint("qb.job.acme.j1.cancelled")
        await asyncio.Event().wait()

    world.circuits.on_run = cancel
    event, sequence = await world.place(carried=describe(sweep(3).content(), PROGRAM))
    with pytest.raises(Superseded):
        await run(event, sequence)
    assert len(world.circuits.items) == 1
    assert world.log.events(JobCompleted) == []
