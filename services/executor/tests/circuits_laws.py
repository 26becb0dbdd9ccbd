"""The laws of the port `Circuits`, for child processes and for the fake."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

from queuebit_contracts.usage import quantities
from queuebit_executor.answers import Declared, Estimate, Profiled, Ran
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.cancelled_usage import Stopwatch
from queuebit_executor.ports import Asker, Circuits, CircuitWork
from queuebit_kernel import FixedClock

BELL = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
PLENTY_US = 10**12
ANN = Asker("acme")


class CircuitsLaws:
    """Asks for the fixture `circuits`, which has one slot of the backend `aer`."""

    async def test_a_circuit_is_read_and_compiled(self, circuits: Circuits) -> None:
        assert isinstance(await circuits.inputs(BELL, ANN), Declared)
        profiled = await circuits.profile(BoundCircuit(BELL), ANN)
        assert isinstance(profiled, Profiled)
        assert (profiled.profile.qubits, profiled.profile.clbits) == (2, 2)
        estimate = await circuits.estimate(BoundCircuit(BELL), "aer", ANN)
        assert isinstance(estimate, Estimate)
        assert estimate.backend == "aer"

    async def test_a_run_gives_counts_and_what_it_used(self, circuits: Circuits) -> None:
        async with circuits.worker("aer", "acme") as worker:
            assert worker.limit_s(PLENTY_US) > 0
            assert worker.overhead_us >= 0
            ran = await worker.run(CircuitWork(BELL, 10, 1, PLENTY_US, "law-run"))
        clock = FixedClock()
        busy = Stopwatch(clock)
        work = CircuitWork(BELL, 10, 1, PLENTY_US, "law-turn")
        async with circuits.turn("aer", "acme", work, busy) as turn:
            taken = await turn.answer()
        clock.advance(1)
        assert quantities(busy.usage())["qpu-time"] == 1_000_000
        for it in (ran, taken):
            assert isinstance(it, Ran)
            assert all(len(bits) == 2 and count > 0 for bits, count in json.loads(it.counts).items())
            assert it.qubits == 2
            assert it.qpu_us >= 0

    async def test_a_slot_is_one_jobs_at_a_time(self, circuits: Circuits) -> None:
        async with AsyncExitStack() as first:
            await first.enter_async_context(circuits.worker("aer", "acme"))
            second = circuits.worker("aer", "acme")
            waiting = asyncio.ensure_future(second.__aenter__())
            done, _ = await asyncio.wait({waiting}, timeout=0.05)
            assert not done
        await asyncio.wait_for(waiting, 20)
        await second.__aexit__(None, None, None)
