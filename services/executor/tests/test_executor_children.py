"""Real children: what a circuit may do to its process, and what nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import Profiled, Ran, Refused
from queuebit_executor.errors import Orphaned
from queuebit_executor.nursery import Nursery, Plan
from queuebit_executor.policy import quoted
from queuebit_runtime.tasks import Tasks

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

HEADER = 'OPENQASM 2.0; include "qelib1.inc"; '
BOMB = HEADER + "".join(f"gate g{n + 1} a {{ g{n} a; g{n} a; }} " if n else "gate g1 a { x a; } " for n in range(40))
BOMB += "qreg q[1]; creg c[1]; g40 q[0]; measure q -> c;"
HUGE = HEADER + "qreg q[27]; creg c[27]; h q; t q; h q; measure q -> c;"
SLOW = HEADER + "qreg q[24]; creg c[24]; " + "h q; t q; " * 200 + "measure q -> c;"
PLENTY = 10**12


@asynccontextmanager
async def family(backend: str = "aer") -> AsyncIterator[ChildCircuits]:
    tasks = Tasks()
    nursery = Nursery(Plan((backend,), memory_mb=1024, threads=1, start_seconds=20))
    children = ChildCircuits(nursery, tasks, slots=1, profile_seconds=5, run_seconds=1)
    await children.open()
    yield children
    await children.close()
    await tasks.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def circuits() -> AsyncIterator[ChildCircuits]:
    async with family() as children:
        yield children


async def code_of(circuits: ChildCircuits, source: str) -> str:
    match await circuits.run(source.encode(), "aer", 10, 1, PLENTY):
        case Refused(error=error):
            return error.code
        case Ran():
            return "ran"


async def test_a_circuit_is_profiled_and_run_alike_each_time(circuits, world) -> None:
    (offer,) = await circuits.offers()
    profiled = await circuits.profile(world.bell.encode(), ["aer"])
    assert isinstance(profiled, Profiled)
    first, second = [await circuits.run(world.bell.encode(), "aer", 1_000, 2**52 + 1, PLENTY) for _ in range(2)]
    assert isinstance(first, Ran)
    assert first.counts == second.counts
    assert sum(json.loads(first.counts).values()) == 1_000
    assert list(json.loads(first.counts)) == ["00", "11"]
    assert first.compilation.digest == offer.target
    assert first.compilation.depth == profiled.estimates[0].depth


async def test_whatever_a_circuit_does_the_next_one_runs(circuits, world) -> None:
    assert await code_of(circuits, BOMB) in ("too_many_operations", "too_deep")
    assert await code_of(circuits, HUGE) == "out_of_memory"
    assert await code_of(circuits, SLOW) == "run_timeout"
    assert await code_of(circuits, "nonsense") == "header"
    assert (await circuits.run(b"\xff", "aer", 10, 1, PLENTY)).error.code == "encoding"
    assert await code_of(circuits, world.bell) == "ran"


async def test_a_segfault_is_an_answer_and_the_profiler_does_not_notice(circuits, world) -> None:
    (child,) = circuits.runners.children
    slow = asyncio.ensure_future(circuits.run(SLOW.encode(), "aer", 10, 1, PLENTY))
    await asyncio.sleep(0)
    os.kill(child.pid, signal.SIGSEGV)
    profiled, refused = await asyncio.gather(circuits.profile(world.bell.encode(), ["aer"]), slow)
    assert isinstance(profiled, Profiled)
    assert (refused.error.code, refused.lasting) == ("crashed", False)
    assert "by SIGSEGV" in refused.error.message
    assert await code_of(circuits, world.bell) == "ran"


async def test_children_hold_nothing_that_could_leak(circuits) -> None:
    (child,) = circuits.runners.children
    process = Path(f"/proc/{child.pid}")
    environment = (process / "environ").read_text()
    assert "QUEUEBIT" not in environment
    assert "HOME=" not in environment
    assert sorted(it.name for it in (process / "fd").iterdir()) == ["0", "1", "2", "3"]
    assert os.readlink(process / "cwd").endswith("(deleted)")
    assert [os.readlink(process / "fd" / it) for it in "01"] == ["/dev/null", "/dev/null"]


async def test_without_its_template_the_executor_says_so() -> None:
    async with family() as circuits:
        slow = asyncio.ensure_future(circuits.run(SLOW.encode(), "aer", 10, 1, PLENTY))
        await asyncio.sleep(0)
        circuits.nursery.process.kill()
        with pytest.raises(Orphaned):
            await slow
        assert circuits.trouble() is not None


async def test_a_device_is_not_started_when_the_hold_does_not_pay_for_it(world) -> None:
    async with family("emulated-ibm-manila") as circuits:
        (offer,) = await circuits.offers()
        profiled = await circuits.profile(world.bell.encode(), [offer.backend])
        assert isinstance(profiled, Profiled)
        quote = quoted(profiled.estimates[0], offer, profiled, 1_000, 1024)
        assert quote.esp_ppm is not None
        assert 900_000 < quote.esp_ppm < 1_000_000
        ran = await circuits.run(world.bell.encode(), offer.backend, 1_000, 1, quote.qpu_us)
        assert isinstance(ran, Ran)
        assert (ran.qpu_us, ran.calibration) == (quote.qpu_us, offer.calibration)
        refused = await circuits.run(world.bell.encode(), offer.backend, 1_000, 1, quote.qpu_us - 1)
        assert isinstance(refused, Refused)
        assert refused.error.code == "limit_exceeded"
        assert json.loads(await circuits.calibration(offer.backend))["digest"] == offer.calibration
