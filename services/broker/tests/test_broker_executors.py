"""Asking executors for profiles: the fake and the real ones obey the same laws."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nats.aio.msg import Msg

from queuebit_broker.adapters import BusExecutors
from queuebit_broker.ports import Executors
from queuebit_contracts.query import ProfileRequest
from queuebit_contracts.subjects import profile
from queuebit_kernel import Unavailable
from queuebit_runtime.bus import Bus
from queuebit_runtime.payloads import describe
from queuebit_testing.server import NatsServer

from .broker_office import BELL, FakeExecutors


class ExecutorsLaws:
    """Asks for the fixture `executors`, of whom those of the stack `cirq` are silent."""

    async def test_each_backend_that_is_asked_for_has_an_estimate(self, executors: Executors) -> None:
        circuit = describe(BELL.encode(), "text/x-openqasm")
        request = ProfileRequest(tenant="acme", circuit=circuit, shots=10, backends=("aer", "torino"))
        answer = await executors.profile("aer", request)
        assert answer.profile is not None
        assert [it.backend for it in answer.estimates] == ["aer", "torino"]

    async def test_a_stack_that_does_not_answer_is_unavailable(self, executors: Executors) -> None:
        circuit = describe(BELL.encode(), "text/x-openqasm")
        with pytest.raises(Unavailable):
            await executors.profile("cirq", ProfileRequest(tenant="acme", circuit=circuit, shots=10))


class TestFakeExecutors(ExecutorsLaws):
    @pytest.fixture
    def executors(self) -> Executors:
        fake = FakeExecutors()
        fake.silent = {"cirq"}
        return fake


@pytest.mark.server
class TestBusExecutors(ExecutorsLaws):
    @pytest.fixture
    async def executors(self, nats_server: NatsServer, broker_bus: Bus) -> AsyncIterator[Executors]:
        answering = await nats_server.connect("executor-aer")

        async def answer(message: Msg) -> None:
            request = ProfileRequest.model_validate_json(message.data)
            await message.respond(FakeExecutors().answer(request.backends).model_dump_json().encode())

        await answering.subscribe(profile("aer"), cb=answer)
        await answering.flush()
        yield BusExecutors(broker_bus, timeout_s=1)
        await answering.close()
