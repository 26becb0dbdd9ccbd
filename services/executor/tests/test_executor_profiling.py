"""Answers about circuits, remembered."""

from __future__ import annotations

import pytest

from queuebit_contracts.query import ProfileRequest
from queuebit_contracts.wire import Payload
from queuebit_executor.profiling import AnswerProfile
from queuebit_kernel import digest


@pytest.fixture
def answer(world) -> AnswerProfile:
    offers = (world.offer("aer"), world.offer("device", "emulated"))
    return AnswerProfile(world.payloads, world.circuits, offers, 1536)


def request(source: str, *backends: str, inline: bool = True, shots: int = 1_000) -> ProfileRequest:
    content = source.encode()
    payload = Payload(
        digest=digest(content), size=len(content), media_type="text/x-openqasm", inline=source if inline else None
    )
    return ProfileRequest(tenant="acme", circuit=payload, shots=shots, backends=backends)


async def test_a_circuit_is_compiled_once_for_each_backend(world, answer) -> None:
    await answer(request(world.bell, "aer"))
    both = await answer(request(world.bell))
    again = await answer(request(world.bell, "device", "aer", shots=10))
    assert world.circuits.profiled == [("aer",), ("device",)]
    assert [it.backend for it in both.estimates] == ["aer", "device"]
    assert [it.qpu_us for it in again.estimates] == [10, 5_011]


async def test_what_is_wrong_with_a_circuit_is_remembered_but_not_bad_luck(world, answer) -> None:
    world.circuits.refusal = world.refusal("syntax")
    for _ in range(2):
        assert (await answer(request("bad"))).error.code == "syntax"
    world.circuits.refusal = world.refusal("crashed", lasting=False)
    for _ in range(2):
        assert (await answer(request("worse"))).error.code == "crashed"
    assert len(world.circuits.profiled) == 3


async def test_a_backend_of_another_stack_is_unfit(world, answer) -> None:
    got = await answer(request(world.bell, "aer", "stranger"))
    assert [it.unfit.code if it.unfit else None for it in got.estimates] == [None, "unknown_backend"]


async def test_a_source_is_read_from_the_store_when_it_is_large(world, answer) -> None:
    assert (await answer(request(world.bell, inline=False))).error.code == "payload_missing"
    await world.payloads.put("acme", world.bell.encode(), "text/x-openqasm")
    assert (await answer(request(world.bell, inline=False))).profile is not None


async def test_a_source_that_is_not_what_its_digest_says_is_refused_even_when_the_digest_is_known(
    world, answer
) -> None:
    good = request(world.bell)
    await answer(good)
    forged = good.model_copy(update={"circuit": good.circuit.model_copy(update={"inline": "forged"})})
    assert (await answer(forged)).error.code == "digest"
