"""Answers to profile requests, and their cache."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_contracts.job import GateShots
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_contracts.topology import COMPILED
from queuebit_contracts.wire import Payload, Reason
from queuebit_executor.answers import Estimate
from queuebit_executor.circuit_profiles import A_WHILE_S
from queuebit_executor.errors import Overloaded
from queuebit_executor.policy import Allowance
from queuebit_executor.profiling import AnswerProfile
from queuebit_kernel import FixedClock, digest
from queuebit_planning.fidelity import OPERATIONS
from queuebit_runtime.payloads import describe

from .conftest import World


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def answer(world: World, clock: FixedClock) -> AnswerProfile:
    offers = (world.offer("aer"), world.offer("device", "emulated"))
    return AnswerProfile(world.payloads, world.circuits, offers, clock, Allowance(1536, 60))


def request(source: str, *backends: str, inline: bool = True, shots: int = 1_000) -> ProfileRequest:
    content = source.encode()
    payload = Payload(
        digest=digest(content), size=len(content), media_type="text/x-openqasm", inline=source if inline else None
    )
    return ProfileRequest(tenant="acme", circuit=payload, shots=shots, backends=backends)


def code_of(found: ProfileAnswer) -> str | None:
    return None if found.error is None else found.error.code


async def test_a_circuit_is_compiled_once_for_each_backend(world: World, answer: AnswerProfile) -> None:
    await answer(request(world.bell, "aer"))
    both = await answer(request(world.bell))
    again = await answer(request(world.bell, "device", "aer", shots=10))
    assert (world.circuits.profiled, world.circuits.compiled) == (1, ["aer", "device"])
    assert [it.backend for it in both.estimates] == ["aer", "device"]
    assert [it.qpu_us for it in again.estimates] == [10, 5_011]


async def test_a_tenant_finds_nothing_that_another_has_compiled(world: World, answer: AnswerProfile) -> None:
    """The time of an answer said whether another tenant had asked for the circuit, and its bad luck was shared."""
    world.circuits.unfit["device"] = world.refusal("profile_timeout", lasting=False)
    await answer(request(world.bell))
    world.circuits.unfit.clear()
    found = await answer(request(world.bell).model_copy(update={"tenant": "other"}))
    assert world.circuits.compiled == ["aer", "device"] * 2
    assert [it.unfit for it in found.estimates] == [None, None]


async def test_an_estimate_names_the_operations_that_its_esp_follows_from(world: World, answer: AnswerProfile) -> None:
    world.circuits.operations = '[["cx",[0,1],1]]'
    (found,) = (await answer(request(world.bell, "device"))).estimates
    assert found.operations == describe(world.circuits.operations.encode(), OPERATIONS)


async def test_an_estimate_has_the_gates_of_all_shots(world: World, answer: AnswerProfile) -> None:
    world.circuits.gates = (3, 2, 4)
    (found,) = (await answer(request(world.bell, "device"))).estimates
    shots = request(world.bell).shots
    assert found.gate_shots == GateShots(gates_1q=3 * shots, gates_2q=2 * shots, measurements=4 * shots)


async def test_many_operations_are_stored_where_no_user_reads_them(world: World, answer: AnswerProfile) -> None:
    world.circuits.operations = "[" + ",".join(f'["cx",[{it},{it + 1}],1]' for it in range(300)) + "]"
    (found,) = (await answer(request(world.bell, "device"))).estimates
    assert found.operations is not None
    assert found.operations.inline is None
    assert world.payloads.kept[COMPILED, found.operations.digest] == world.circuits.operations.encode()
    (again,) = (await answer(request(world.bell, "device", shots=10))).estimates
    assert again.operations == found.operations


async def test_what_is_wrong_with_a_circuit_is_remembered_and_bad_luck_for_a_while(
    world: World, answer: AnswerProfile, clock: FixedClock
) -> None:
    for code, lasting, after in (("syntax", True, 1), ("profile_timeout", False, 2), ("crashed", False, 2)):
        world.circuits.profiled, world.circuits.refusal = 0, world.refusal(code, lasting=lasting)
        for _ in range(3):
            assert code_of(await answer(request(code))) == code
        assert world.circuits.profiled == 1
        clock.advance(A_WHILE_S)
        await answer(request(code))
        assert world.circuits.profiled == after


async def test_a_backend_that_takes_too_long_to_compile_for_is_unfit_and_holds_up_no_other(
    world: World, answer: AnswerProfile
) -> None:
    world.circuits.unfit["aer"] = world.refusal("profile_timeout", lasting=False)
    for _ in range(2):
        slow, quick = (await answer(request(world.bell))).estimates
    assert slow.unfit == Reason(code="profile_timeout", text="aer: it is profile_timeout")
    assert quick.unfit is None
    assert world.circuits.compiled == ["aer", "device"]


async def test_what_was_found_out_before_time_was_up_is_there_for_the_next(
    world: World, answer: AnswerProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(*_: object) -> Estimate:
        raise Overloaded("too late")

    with monkeypatch.context() as patch:
        patch.setattr(world.circuits, "estimate", late)
        with pytest.raises(Overloaded):
            await answer(request(world.bell))
    assert (await answer(request(world.bell))).profile is not None
    assert world.circuits.profiled == 1


async def test_one_circuit_asked_for_by_many_at_once_is_read_once(world: World, answer: AnswerProfile) -> None:
    await asyncio.gather(*(answer(request(world.bell)) for _ in range(5)))
    assert (world.circuits.profiled, world.circuits.compiled) == (1, ["aer", "device"])


async def test_a_backend_of_another_stack_is_unfit(world: World, answer: AnswerProfile) -> None:
    got = await answer(request(world.bell, "aer", "stranger"))
    assert [it.unfit.code if it.unfit else None for it in got.estimates] == [None, "unknown_backend"]


async def test_a_source_is_read_from_the_store_when_it_is_large(world: World, answer: AnswerProfile) -> None:
    assert code_of(await answer(request(world.bell, inline=False))) == "payload_missing"
    await world.payloads.store("acme", world.bell.encode(), "text/x-openqasm")
    assert (await answer(request(world.bell, inline=False))).profile is not None


async def test_a_source_that_is_not_what_its_digest_says_is_refused_even_when_the_digest_is_known(
    world: World, answer: AnswerProfile
) -> None:
    good = request(world.bell)
    await answer(good)
    forged = good.model_copy(update={"circuit": good.circuit.model_copy(update={"inline": "forged"})})
    assert code_of(await answer(forged)) == "digest"
