"""Real children: what a circuit may do to its process, without effect on others."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from qiskit.transpiler import InstructionProperties
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from queuebit_contracts.program import Item
from queuebit_contracts.results import Estimate as Estimated
from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import Declared, Described, Estimate, ItemRan, Profiled, Ran, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.cancelled_usage import Stopwatch
from queuebit_executor.child_worker import ChildWorker
from queuebit_executor.errors import Orphaned
from queuebit_executor.memory_shares import MemoryShares
from queuebit_executor.policy import Allowance, quoted
from queuebit_executor.ports import Asker, CircuitWork, ItemWork
from queuebit_executor.worker_pool import Borrowed
from queuebit_executor.zygote_client import Child, ZygoteClient, ZygoteSettings
from queuebit_kernel import SystemClock, digest, event_id
from queuebit_quantum import Input
from queuebit_quantum.calibration import read_calibration
from queuebit_runtime.landlock import landlock_version
from queuebit_runtime.tasks import Tasks

from .circuits_laws import CircuitsLaws
from .conftest import World

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

HEADER = 'OPENQASM 2.0; include "qelib1.inc"; '
BOMB = HEADER + "".join(f"gate g{n + 1} a {{ g{n} a; g{n} a; }} " if n else "gate g1 a { x a; } " for n in range(40))
BOMB += "qreg q[1]; creg c[1]; g40 q[0]; measure q -> c;"
MIXED = "".join(f"t q[{i}]; h q[{i}]; cx q[{i}], q[{23 - i}]; " for i in range(12))
HUGE = HEADER + "qreg q[27]; creg c[27]; h q; " + MIXED * 2 + "measure q -> c;"
SLOW = HEADER + "qreg q[24]; creg c[24]; h q; " + MIXED * 20 + "measure q -> c;"
DOUBLING = HEADER + "gate g0 a { x a; } " + "".join(f"gate g{n + 1} a {{ g{n} a; g{n} a; }} " for n in range(19))
DOUBLING += "qreg q[1]; creg c[1]; g19 q[0]; measure q -> c;"
THREE = 'OPENQASM 3.0; include "stdgates.inc"; qubit[4] q; bit[4] c; '
MEASURED = "qreg q[2]; creg c[2]; measure q -> c;"
MIB = 1 << 20
HOSTILE = {
    "half a million gates out of twenty": DOUBLING,
    "a hundred thousand barriers over all qubits": HEADER + "qreg q[4096]; creg c[1]; " + "barrier q;" * 100_000,
    "a megabyte of semicolons": HEADER + ";" * (MIB - 200) + MEASURED,
    "a megabyte of brackets": HEADER + "qreg q[1]; rx(" + "(" * (MIB - 200),
    "a megabyte of minus signs": HEADER + "qreg q[1]; rx(" + "-" * (MIB - 200) + "1) q[0];",
    "a name of a megabyte": HEADER + "g" * (MIB - 200) + " q[0];",
    "a gate that uses itself": HEADER + "gate g a { g a; } g q[0];",
    "a register for every atom": HEADER + "qreg q[999999999999999999]; creg c[1];",
    "a gate of twenty thousand parameters": HEADER + f"gate g({','.join(f'p{n}' for n in range(20_000))}) a {{ }}",
    "a file of the system": HEADER + 'include "/etc/passwd"; ' + MEASURED,
    "a file by another way": THREE + 'include "../../proc/self/environ"; c = measure q;',
    "a letter that turns the line around": HEADER + "qreg \u202eq[1]; " + MEASURED,
    "a digit that is none": HEADER + "qreg q[\u00b2]; " + MEASURED,
    "a loop of a billion turns": THREE + "for int i in [0:1000000000] { x q[0]; } c = measure q;",
    "a loop up to a fraction": THREE + "for int i in [0:1e9] { x q[0]; } c = measure q;",
    "six loops in one another": THREE + "for int i in [0:9] { " * 6 + "x q[0];" + " }" * 6 + " c = measure q;",
    "a loop without end": THREE + "while (true) { x q[0]; } c = measure q;",
    "a thousand conditions in one another": THREE + "if (c[0]) " * 1_000 + "x q[0]; c = measure q;",
    "a choice": THREE + "switch (c) { case 0 { x q[0]; } } c = measure q;",
    "another's function": THREE + "extern f(int[32]) -> int[32]; c = measure q;",
    "an order to the compiler": THREE + 'pragma system("rm -rf /")\nc = measure q;',
    "a pulse": THREE + "defcal x $0 { play(drive($0), gaussian(1, 2, 3)); } c = measure q;",
    "a delay of eons": THREE + "delay[999999999999999999s] q; c = measure q;",
    "a duration of something": THREE + "delay[durationof({x q[0];})] q; c = measure q;",
    "a tower of powers": THREE + "rx(9**9**9**9) q[0]; c = measure q;",
    "thousands of modifiers": THREE + "inv @ pow(2) @ " * 2_000 + "x q[0]; c = measure q;",
    "a megabyte of brackets of QIR": 'define void @main() "entry_point" {\n  call void @f(' + "(" * (MIB - 200),
    "QIR that loops": 'define void @main() "entry_point" {\na:\n  br label %b\nb:\n  br label %a\n}',
    "QIR with qubits for every atom": (
        'define void @main() "entry_point" "required_num_qubits"="999999999999999999" {\n  ret void\n}'
    ),
    "a megabyte of names of QIR": "@" * (MIB - 200) + "\ndefine void @main() {",
    "controls that double": THREE + "ctrl(3) @ rx(0.1) q; " * 200 + "c = measure q;",
}
PLENTY = 10**12
ANN = Asker("acme")


@asynccontextmanager
async def family(
    *backends: str,
    profile_s: float = 5,
    run_s: int = 1,
    slots: int = 1,
    kept: int = 0,
    memory: MemoryShares | None = None,
    threads: int = 1,
) -> AsyncIterator[tuple[ChildCircuits, tuple[Described, ...]]]:
    tasks, stack = Tasks(), "ibm" if backends[0].startswith("emulated-ibm") else backends[0]
    zygote = ZygoteClient(ZygoteSettings(stack, backends, memory_mb=1024, threads=threads, start_seconds=100))
    children = ChildCircuits(
        zygote, tasks, slots=slots, kept=kept, memory=memory, profile_seconds=profile_s, run_seconds=run_s
    )
    await children.load()
    offers = await children.open()
    try:
        yield children, offers
    finally:
        await children.close()
        await tasks.close()


async def run(
    circuits: ChildCircuits, backend: str, source: bytes, shots: int, seed: int, budget_us: int
) -> Ran | Refused:
    work = CircuitWork(source, shots, seed, budget_us, event_id())
    async with circuits.turn(backend, "acme", work, busy=Stopwatch(SystemClock())) as turn:
        return await turn.answer()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aer() -> AsyncIterator[tuple[ChildCircuits, Described]]:
    async with family("aer", profile_s=2) as (children, (offer,)):
        yield children, offer


@pytest.fixture
def circuits(aer: tuple[ChildCircuits, Described]) -> ChildCircuits:
    return aer[0]


class TestChildCircuits(CircuitsLaws):
    """Children obey the laws that the handlers' tests take for granted."""


def refused(answer: object) -> Refused:
    assert isinstance(answer, Refused)
    return answer


async def code_of(circuits: ChildCircuits, source: str) -> str:
    match await run(circuits, "aer", source.encode(), 10, 1, PLENTY):
        case Refused(error=error):
            return error.code
        case Ran():
            return "ran"
        case other:
            raise AssertionError(other)


async def test_a_circuit_is_profiled_and_run_alike_each_time(
    aer: tuple[ChildCircuits, Described], world: World
) -> None:
    circuits, offer = aer
    estimate = await circuits.estimate(BoundCircuit(world.bell.encode()), "aer", ANN)
    assert isinstance(estimate, Estimate)
    assert estimate.gates is None, "an ideal simulator is not charged by the gate"
    assert isinstance(estimate, Estimate)
    first, second = [await run(circuits, "aer", world.bell.encode(), 1_000, 2**52 + 1, PLENTY) for _ in range(2)]
    assert isinstance(first, Ran)
    assert isinstance(second, Ran)
    assert first.counts == second.counts
    assert sum(json.loads(first.counts).values()) == 1_000
    assert list(json.loads(first.counts)) == ["00", "11"]
    assert first.compilation.digest == offer.target
    assert first.compilation.depth == estimate.depth


def noisy_manila() -> dict[str, Any]:
    """The snapshot of a calibration with large readout errors."""
    target = FakeManilaV2().target
    target.acquire_alignment = target.pulse_alignment = 1
    for qubit in range(5):
        target.update_instruction_properties("measure", (qubit,), InstructionProperties(5e-6, 0.4))
    return read_calibration(datetime(2026, 1, 1, tzinfo=UTC), target).as_json()


async def test_a_child_runs_a_circuit_under_an_earlier_calibration_alone(world: World) -> None:
    earlier = noisy_manila()
    async with family("emulated-ibm-manila") as (children, (offer,)):
        for snapshot, digest in ((json.dumps(earlier), earlier["digest"]), (None, offer.calibration)):
            work = CircuitWork(world.bell.encode(), 1000, 7, PLENTY, event_id(), calibration=snapshot)
            async with children.turn(offer.backend, "acme", work, busy=Stopwatch(SystemClock())) as turn:
                answer = await turn.answer()
            assert isinstance(answer, Ran)
            assert answer.calibration == digest
            wrong = sum(times for bits, times in json.loads(answer.counts).items() if bits in ("01", "10"))
            assert (wrong > 300) == (snapshot is not None)


def threads_of(pid: int) -> int:
    """0 if the process has ended."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize(("backend", "parallel"), [("aer", True), ("cirq", False), ("emulated-ibm-manila", True)])
async def test_the_process_that_is_forked_has_one_thread_and_its_forks_start_theirs(
    backend: str, parallel: bool
) -> None:
    """It has run a small circuit before its first fork: a fork that waited for threads of it would wait for ever."""
    qubits = 20 if backend == "aer" else 3
    entangled = "".join(f"t q[{it}]; h q[{it}]; cx q[{it}], q[{it + 1}]; " for it in range(qubits - 1))
    source = HEADER + f"qreg q[{qubits}]; creg c[{qubits}]; h q; " + entangled * 3 + "measure q -> c;"
    async with family(backend, run_s=20, threads=2) as (circuits, _):
        (child,) = circuits.runners[backend].children
        running, seen = asyncio.create_task(run(circuits, backend, source.encode(), 10, 1, PLENTY)), 1
        while not running.done():  # afterwards it may be replaced: threads reserve as much memory as caches may have
            seen = max(seen, threads_of(child.pid))
            await asyncio.wait({running}, timeout=0.001)
        assert isinstance(running.result(), Ran)
        assert threads_of(circuits.zygote.process.pid) == 1
        assert (seen > 1) is parallel


async def test_the_source_of_a_long_circuit_goes_to_the_profiler_only(
    circuits: ChildCircuits, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Child.send
    sent: list[tuple[str, bool]] = []

    async def counted(child: Child, head: dict[str, Any], body: bytes = b"") -> None:
        sent.append((head["op"], body == source))
        await send(child, head, body)

    monkeypatch.setattr(Child, "send", counted)
    source = (world.bell + "// " + "x" * 70_000).encode()
    assert isinstance(await circuits.profile(BoundCircuit(source), ANN), Profiled)
    assert isinstance(await circuits.estimate(BoundCircuit(source), "aer", ANN), Estimate)
    assert isinstance(await run(circuits, "aer", source, 100, 1, PLENTY), Ran)
    assert isinstance(await circuits.estimate(BoundCircuit(source), "aer", ANN), Estimate)
    assert sent == [("profile", True), ("estimate", True), ("runs", False), ("estimate", False)]


async def test_whatever_a_circuit_does_the_next_one_runs(circuits: ChildCircuits, world: World) -> None:
    assert await code_of(circuits, BOMB) in ("too_many_operations", "too_deep")
    assert await code_of(circuits, HUGE) == "out_of_memory"
    slow = refused(await run(circuits, "aer", SLOW.encode(), 10, 1, PLENTY))
    assert (slow.error.code, slow.used_us) == ("run_timeout", 1_000_000)
    assert await code_of(circuits, "nonsense") == "syntax"
    assert refused(await run(circuits, "aer", b"\xff", 10, 1, PLENTY)).error.code == "encoding"
    assert await code_of(circuits, world.bell) == "ran"


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_circuit_is_reported_what_is_wrong_within_its_limits(
    circuits: ChildCircuits, world: World, what: str
) -> None:
    """None of them ends its process by surprise, and the next circuit is served."""
    source = HOSTILE[what].encode()
    found: object = await circuits.profile(BoundCircuit(source), ANN)
    if isinstance(found, Profiled):
        found = await circuits.estimate(BoundCircuit(source), "aer", ANN)
    if isinstance(found, Refused):
        assert found.error.code != "crashed"
        assert len(found.error.message) <= 500
    assert isinstance(await circuits.profile(BoundCircuit(world.bell.encode()), ANN), Profiled)


QIR = Path(__file__).parents[3] / "examples" / "qir" / "asymmetric.ll"


async def test_qir_runs_as_text_and_as_bitcode(circuits: ChildCircuits, world: World) -> None:
    import pyqir

    text = QIR.read_bytes()
    opaque = text.decode().replace("%Qubit*", "ptr").replace("%Result*", "ptr").replace("i8*", "ptr")
    bitcode = pyqir.Module.from_ir(pyqir.Context(), opaque).bitcode
    found = []
    for source in (text, bitcode):
        assert isinstance(await circuits.inputs(source, ANN), Declared)
        profiled = await circuits.profile(BoundCircuit(source), ANN)
        assert isinstance(profiled, Profiled)
        assert isinstance(await circuits.estimate(BoundCircuit(source), "aer", ANN), Estimate)
        ran = await run(circuits, "aer", source, 1_000, 1, PLENTY)
        assert isinstance(ran, Ran)
        found.append((profiled.profile, json.loads(ran.counts)))
    assert found[0] == found[1]
    assert set(found[0][1]) == {"0 00", "0 11", "1 01", "1 10"}


async def test_damaged_bitcode_is_refused_and_the_next_circuit_runs(circuits: ChildCircuits, world: World) -> None:
    head = b"BC\xc0\xde"
    for damaged in (head, head + b"\xff" * 4_000, head + bytes(range(256)) * 8):
        assert refused(await circuits.profile(BoundCircuit(damaged), ANN)).error.code == "syntax"
    for file in sorted((Path(__file__).parent / "hostile").iterdir()):  # each ends the process that reads it
        assert refused(await circuits.profile(BoundCircuit(file.read_bytes()), ANN)).error.code == "crashed", file
        assert isinstance(await circuits.profile(BoundCircuit(world.bell.encode()), ANN), Profiled)


async def test_children_hold_nothing_that_could_leak(circuits: ChildCircuits) -> None:
    (child,) = circuits.runners["aer"].children
    process = Path(f"/proc/{child.pid}")
    names = {it.partition("=")[0] for it in (process / "environ").read_text().split("\0") if it}
    libraries = {"LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX"}
    assert names - libraries == {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "QISKIT_PARALLEL"}
    opened = {it.name: os.readlink(it) for it in (process / "fd").iterdir()}
    assert {it for it, target in opened.items() if target != str(process)} == {"0", "1", "2", "3"}
    folder = os.readlink(process / "cwd")
    assert folder == "/" if landlock_version() else folder.endswith("(deleted)")
    assert [os.readlink(process / "fd" / it) for it in "01"] == ["/dev/null", "/dev/null"]


async def test_a_segfault_is_an_answer_and_an_ended_template_is_an_error(world: World) -> None:
    async with family("aer", run_s=100) as (circuits, _):  # far from the limit of time, on a slow machine too
        (child,) = circuits.runners["aer"].children
        slow = asyncio.ensure_future(run(circuits, "aer", SLOW.encode(), 10, 1, PLENTY))
        await asyncio.sleep(0)
        os.kill(child.pid, signal.SIGSEGV)
        profiled, ended = await asyncio.gather(circuits.profile(BoundCircuit(world.bell.encode()), ANN), slow)
        assert isinstance(profiled, Profiled)
        assert (refused(ended).error.code, refused(ended).lasting) == ("crashed", False)
        assert "SIGSEGV" in refused(ended).error.message
        assert await code_of(circuits, world.bell) == "ran"

        slow = asyncio.ensure_future(run(circuits, "aer", SLOW.encode(), 10, 1, PLENTY))
        await asyncio.sleep(0)
        circuits.zygote.process.kill()
        with pytest.raises(Orphaned):
            await slow
        assert circuits.trouble() is not None


async def test_one_run_has_all_cores_and_small_ones_go_on_beside_it(world: World) -> None:
    async with family("aer", slots=2) as (circuits, _):
        assert len(circuits.runners["aer"].children) == 1, "others are forked when they are needed"

        async def another() -> None:
            async with circuits.worker("aer", "acme", all_cores=True):
                pass

        async with circuits.worker("aer", "acme", all_cores=True):
            large = asyncio.ensure_future(another())
            assert isinstance(await run(circuits, "aer", world.bell.encode(), 100, 1, PLENTY), Ran)
            assert not large.done()
        await asyncio.wait_for(large, 20)


async def test_tenants_take_turns_at_all_cores() -> None:
    order: list[str] = []
    async with family("aer", slots=2) as (circuits, _):

        async def one(tenant: str) -> None:
            async with circuits.worker("aer", tenant, all_cores=True):
                order.append(tenant)

        async with circuits.worker("aer", "acme", all_cores=True):
            waiting = [asyncio.ensure_future(one(it)) for it in ("acme", "acme", "acme", "evil")]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
    assert order == ["acme", "evil", "acme", "acme"]


async def test_a_device_is_not_started_when_the_hold_does_not_pay_for_it(world: World) -> None:
    async with family("emulated-ibm-manila") as (circuits, (offer,)):
        estimate = await circuits.estimate(BoundCircuit(world.bell.encode()), offer.backend, ANN)
        assert isinstance(estimate, Estimate)
        quote = quoted(estimate, offer, 1_000, Allowance(1024, 60))
        assert quote.gate_shots is not None
        assert (quote.gate_shots.gates_2q, quote.gate_shots.measurements) == (1_000, 4_000)
        assert quote.esp_ppm is not None
        assert 900_000 < quote.esp_ppm < 1_000_000
        ran = await run(circuits, offer.backend, world.bell.encode(), 1_000, 1, quote.qpu_us)
        assert isinstance(ran, Ran)
        assert (ran.qpu_us, ran.calibration) == (quote.qpu_us, offer.calibration)
        ended = await run(circuits, offer.backend, world.bell.encode(), 1_000, 1, quote.qpu_us - 1)
        assert refused(ended).error.code == "limit_exceeded"
        assert json.loads(await circuits.calibration(offer.backend))["digest"] == offer.calibration


async def test_a_slow_device_holds_up_no_other_and_a_slow_circuit_is_reported(world: World) -> None:
    """A device has a process of its own; profiles take turns, each within its time."""
    manila, perth = "emulated-ibm-manila", "emulated-ibm-perth"
    async with family(manila, perth, profile_s=1, run_s=60) as (circuits, _):
        (child,) = circuits.runners[manila].children
        os.kill(child.pid, signal.SIGSTOP)  # slower than any other, however busy the machine is
        slow = asyncio.ensure_future(run(circuits, manila, world.bell.encode(), 1, 1, PLENTY))
        ran = await run(circuits, perth, world.bell.encode(), 100, 1, PLENTY)
        assert isinstance(ran, Ran)
        assert not slow.done()
        os.kill(child.pid, signal.SIGCONT)
        assert isinstance(await slow, Ran)
        late, _ = await asyncio.gather(
            circuits.profile(BoundCircuit(DOUBLING.encode()), ANN),
            profiled(circuits, BoundCircuit(world.bell.encode()), Asker("evil")),
        )
        assert (refused(late).error.code, refused(late).lasting) == ("profile_timeout", False)
        assert digest(DOUBLING.encode())[:19] in refused(late).error.message
        assert "1 s" in refused(late).error.message


async def profiled(circuits: ChildCircuits, circuit: BoundCircuit, asker: Asker) -> Profiled:
    """A profile; on a busy machine also a small one can take too long, and is requested again."""
    while not isinstance(found := await circuits.profile(circuit, asker), Profiled):
        assert refused(found).error.code == "profile_timeout"
    return found


ROTATED = THREE.replace("qubit[4] q; bit[4] c; ", "input float t; qubit[2] q; bit[2] c; ")
ROTATED += "ry(sqrt(t)) q[0]; cx q[0], q[1]; c = measure q;"
PAIR: list[dict[str, float]] = [{"ZZ": 1.0}, {"XX": 1.0, "ZI": -0.5}]


WIDE = (
    HEADER
    + "qreg q[28]; creg c[28]; h q; "
    + "".join(f"t q[{i}]; h q[{i}]; cx q[{i}], q[{27 - i}]; " for i in range(14)) * 2
    + "measure q -> c;"
)


async def test_a_state_of_28_qubits_is_refused_where_it_does_not_fit_and_accepted_where_it_does(
    circuits: ChildCircuits, aer: tuple[ChildCircuits, Described]
) -> None:
    """Before anything runs: 4 GiB of amplitudes, and 256 MiB that a child needs for itself."""
    estimate = await circuits.estimate(BoundCircuit(WIDE.encode()), "aer", ANN)
    assert isinstance(estimate, Estimate)
    state = next(it for it in estimate.methods if it.name == "statevector")
    assert state.memory_bytes >= 16 << 28
    only = estimate.model_copy(update={"methods": (state,)})
    for memory_mb, fits in ((1_024, False), (4_096, False), ((state.memory_bytes >> 20) + 257, True)):
        unfit = quoted(only, aer[1], 100, Allowance(memory_mb, 3_600)).unfit
        assert (unfit is None) == fits, memory_mb
        assert fits or (unfit is not None and unfit.code == "too_much_memory")


async def test_large_runs_of_two_executors_share_the_memory_of_the_machine(tmp_path: Path, world: World) -> None:
    """There is room for one of them: the other begins when it has ended, and small runs go on beside it."""
    shares = [MemoryShares(1_500, tmp_path / "shares") for _ in range(2)]
    async with family("aer", memory=shares[0]) as (first, _), family("cirq", memory=shares[1]) as (second, _):

        async def other() -> None:
            async with second.worker("cirq", "evil", all_cores=True):
                pass

        async with first.worker("aer", "acme", all_cores=True):
            large = asyncio.ensure_future(other())
            async with second.worker("cirq", "evil"):
                await asyncio.sleep(0)
            assert not large.done()
        await asyncio.wait_for(large, 20)


def item(value: float, *, observables: Sequence[dict[str, float]] = (), token: str = "") -> ItemWork:
    asked = Item(parameters={"t": value}, observables=tuple(observables))
    return ItemWork(ROTATED.encode(), asked, ("counts", "memory", "quasi"), 2_000, 7, token or event_id())


async def test_items_are_bound_run_and_counted(circuits: ChildCircuits) -> None:
    async with circuits.worker("aer", "acme") as worker:
        zero, pi = [await worker.run_item(item(it, token=f"{it}"), PLENTY, 5) for it in (0.0, math.pi**2)]
    assert isinstance(zero, ItemRan)
    assert isinstance(pi, ItemRan)
    assert (zero.result.counts, pi.result.counts) == ({"00": 2_000}, {"11": 2_000})
    assert zero.result.memory == ("00",) * 2_000
    assert zero.result.quasi == {"00": Estimated(value=1.0, stderr=0.0)}
    assert zero.result.usage.shots == 2_000
    assert len(zero.result.compilations) == 1


async def test_observables_are_estimated_within_their_standard_error(circuits: ChildCircuits) -> None:
    async with circuits.worker("aer", "acme") as worker:
        found = await worker.run_item(item(1.0, observables=PAIR), PLENTY, 5)
    assert isinstance(found, ItemRan)
    assert found.result.expectations is not None
    assert found.result.counts is None
    assert found.result.usage.shots == 4_000
    assert len(found.result.compilations) == 2
    assert [it.observable for it in found.result.expectations] == ["ZZ", "XX - 0.5 ZI"]
    exact = (1.0, math.sin(1.0) - 0.5 * math.cos(1.0))
    for estimate, value in zip(found.result.expectations, exact, strict=True):
        assert estimate.stderr is not None
        assert abs(estimate.value - value) <= 4.5 * estimate.stderr, "a fixed seed: it passes always or never"


async def test_an_item_that_ends_its_process_is_followed_by_the_next(
    circuits: ChildCircuits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with circuits.worker("aer", "acme") as worker:
        os.kill(worker._child.child.pid, signal.SIGKILL)
        killed = await worker.run_item(item(0.0), PLENTY, 5)
        following = await worker.run_item(item(0.0), PLENTY, 5)
    assert refused(killed).error.code == "crashed"
    assert isinstance(following, ItemRan)


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests to children, in order."""
    send, asked = Child.send, list[str]()

    async def noted(child: Child, head: dict[str, Any], body: bytes = b"") -> None:
        asked.append(head["op"])
        await send(child, head, body)

    monkeypatch.setattr(Child, "send", noted)
    return asked


def program() -> list[ItemWork]:
    """Four items, of which the second cannot be bound."""
    return [item(0.0), item(-1.0), item(1.0, observables=PAIR), item(2.0)]


async def test_items_that_run_together_have_the_results_they_have_alone(
    circuits: ChildCircuits, operations: list[str]
) -> None:
    works = program()
    async with circuits.worker("aer", "acme") as worker:
        together = [await worker.run_item(it, PLENTY, 5, works[place + 1 :]) for place, it in enumerate(works)]
        assert operations[0] == "items", "a busy machine prepares fewer than all of them for one request"
        alone = [await worker.run_item(it, PLENTY, 5) for it in program()]
    assert [refused(it).error.code for it in (together[1], alone[1])] == ["parameter", "parameter"]
    for one, other in zip(together, alone, strict=True):
        if isinstance(one, ItemRan):
            assert isinstance(other, ItemRan)
            assert one.result.usage.shots == other.result.usage.shots
            assert one.result.model_dump(exclude={"usage"}) == other.result.model_dump(exclude={"usage"})


async def test_items_whose_process_ends_run_again_alone(circuits: ChildCircuits, operations: list[str]) -> None:
    works = program()
    async with circuits.worker("aer", "acme") as worker:
        os.kill(worker._child.child.pid, signal.SIGKILL)
        found = [await worker.run_item(it, PLENTY, 5, works[place + 1 :]) for place, it in enumerate(works)]
    assert operations == ["items", *["item"] * 4]
    assert [type(it) for it in found] == [ItemRan, Refused, ItemRan, ItemRan]


async def test_an_item_that_runs_into_the_time_limit_leaves_those_before_it_their_answers() -> None:
    class Slow:
        """Answers the first of several items, and is stopped in the second."""

        idle = True

        async def ask_each(
            self, head: object, read: object, body: bytes, take: Callable[[object], None], most: int, seconds: float
        ) -> Refused:
            take(World.refusal("parameter"))
            return World.refusal("run_timeout")

    works = [item(0.0, token=f"{number}") for number in range(3)]
    nothing: Any = None  # the child does not look at it
    worker = ChildWorker(World.offer("aer"), nothing, cast("Borrowed", Slow()), AsyncExitStack(), nothing, 1, "acme")
    found = [await worker.run_item(works[place], PLENTY, 5, works[place + 1 :]) for place in range(2)]
    assert [refused(it).error.code for it in found] == ["parameter", "run_timeout"]


async def test_an_item_that_lacks_memory_beside_others_runs_again_alone() -> None:
    class Crowded:
        """Has no memory for the second of two items in one request."""

        idle = True

        def __init__(self) -> None:
            self.asked: list[str] = []

        async def ask_each(
            self,
            head: dict[str, Any],
            read: object,
            body: bytes,
            take: Callable[[object], None],
            most: int,
            seconds: float,
        ) -> None:
            self.asked.append(head["op"])
            take(World.refusal("parameter"))
            if head["op"] == "items":
                take(World.refusal("out_of_memory"))

    works, child = [item(0.0, token=f"{number}") for number in range(2)], Crowded()
    nothing: Any = None  # the child does not look at it
    worker = ChildWorker(World.offer("aer"), nothing, cast("Borrowed", child), AsyncExitStack(), nothing, 1, "acme")
    found = [await worker.run_item(works[place], PLENTY, 5, works[place + 1 :]) for place in range(2)]
    assert [refused(it).error.code for it in found] == ["parameter", "parameter"]
    assert child.asked == ["items", "item"]


async def test_a_child_that_ends_as_the_time_does_leaves_no_negative_time() -> None:
    """The refusal would have stated a negative usage, which is none: the job became a dead letter."""

    class Ended:
        """Ends when the time of the job has passed: a moment later than its last one."""

        idle = True

        def __init__(self) -> None:
            self.limits: list[float] = []

        async def ask_each(
            self, head: object, read: object, body: bytes, take: object, most: int, seconds: float
        ) -> Refused:
            self.limits.append(seconds)
            return World.refusal("crashed")

    works, child = [item(0.0, token=f"{number}") for number in range(2)], Ended()
    nothing: Any = None  # the child does not look at it
    worker = ChildWorker(World.offer("aer"), nothing, cast("Borrowed", child), AsyncExitStack(), nothing, 1, "acme")
    assert refused(await worker.run_item(works[0], PLENTY, 0.0, works[1:])).error.code == "crashed"
    assert child.limits == [0.0, 0.0]


def circuits_of_a_tenant() -> list[CircuitWork]:
    """Bell pairs, another circuit, and one that cannot be read."""
    sources = [World.bell, HEADER + MEASURED, "nonsense", World.bell, THREE + "h q; c = measure q;"]
    return [CircuitWork(it.encode(), 1_000, seed, 6_000, event_id()) for seed, it in enumerate(sources)]


async def turns(circuits: ChildCircuits, works: Sequence[CircuitWork]) -> list[Ran | Refused]:
    async def one(work: CircuitWork) -> Ran | Refused:
        async with circuits.turn("aer", "acme", work, busy=Stopwatch(SystemClock())) as turn:
            return await turn.answer()

    return await asyncio.gather(*map(one, works))


def results(answers: Sequence[Ran | Refused]) -> list[object]:
    """All but the time that a run took."""
    return [it.model_dump(exclude={"qpu_us"}) for it in answers]


async def test_circuits_that_share_a_request_have_the_results_they_have_alone(
    circuits: ChildCircuits, operations: list[str]
) -> None:
    together = await turns(circuits, circuits_of_a_tenant())
    assert operations == ["runs"]
    alone = [answer for it in circuits_of_a_tenant() for answer in await turns(circuits, [it])]
    assert results(together) == results(alone)
    assert [refused(it).error.code for it in together if isinstance(it, Refused)] == ["syntax"]


async def answered_by(circuits: ChildCircuits, tenant: str) -> tuple[list[object], set[int]]:
    """The results of some circuits of a tenant, and the processes that ran them."""
    found, pids = [], set()
    for work in circuits_of_a_tenant():
        async with circuits.turn("aer", tenant, work, busy=Stopwatch(SystemClock())) as turn:
            found.append(await turn.answer())
        async with circuits.worker("aer", tenant) as worker:
            pids.add(worker.pid)
    return results(found), pids


async def test_a_child_answers_as_a_new_one_whatever_it_ran_before(circuits: ChildCircuits) -> None:
    """What a child keeps between requests changes no result of its tenant; the next tenant has another child."""
    (first, _), (second, again), (other, others) = [await answered_by(circuits, it) for it in ("acme", "acme", "evil")]
    assert len(again) == len(others) == 1
    assert again != others
    async with family("aer") as (fresh, _):
        assert (await answered_by(fresh, "acme"))[0] == first == second == other


async def test_tenants_share_no_process_and_a_full_pool_ends_one_before_the_next(world: World) -> None:
    tenants = ("acme", "evil", "other")
    async with family("aer", slots=2, kept=2) as (circuits, _):
        served: dict[int, set[str]] = {}
        for tenant in (*tenants, *reversed(tenants)):
            async with circuits.worker("aer", tenant) as worker:
                served.setdefault(worker.pid, set()).add(tenant)
                alive = {it.pid for it in circuits.runners["aer"].children}
                assert worker.pid in alive
                assert len(alive) <= 2
                assert not [pid for pid in served.keys() - alive if Path(f"/proc/{pid}").exists()]
            found = await circuits.profile(BoundCircuit(world.bell.encode()), Asker(tenant))
            assert isinstance(found, Profiled)
        assert {frozenset(it) for it in served.values()} == {frozenset({it}) for it in tenants}
        assert len(circuits.profilers.children) == 2


async def test_circuits_whose_process_ends_run_again_alone(circuits: ChildCircuits, operations: list[str]) -> None:
    (child,) = circuits.runners["aer"].children
    os.kill(child.pid, signal.SIGSTOP)  # it has the circuits when it ends
    running = asyncio.create_task(turns(circuits, circuits_of_a_tenant()))
    while not operations:
        await asyncio.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    found = await running
    assert operations == ["runs"] * 6
    assert [type(it) for it in found] == [Ran, Ran, Refused, Ran, Ran]


async def test_a_binding_that_the_circuit_cannot_use_is_refused_with_its_place(circuits: ChildCircuits) -> None:
    async with circuits.worker("aer", "acme") as worker:
        answer = await worker.run_item(item(-1.0), PLENTY, 5)
    assert (refused(answer).error.code, refused(answer).error.line) == ("parameter", 1)


async def test_inputs_are_read_and_a_bound_circuit_is_profiled(circuits: ChildCircuits) -> None:
    declared = await circuits.inputs(ROTATED.encode(), ANN)
    assert declared == Declared(inputs=(Input("t", "float"),))
    found = await circuits.profile(BoundCircuit(ROTATED.encode(), {"t": 1.0}, "XX"), ANN)
    assert isinstance(found, Profiled)
    assert (found.profile.qubits, found.profile.clbits) == (2, 2)


async def test_circuits_of_two_tenants_are_on_a_device_at_once_and_in_one_process_never(world: World) -> None:
    device = "emulated-ibm-torino"
    async with family(device, profile_s=30, run_s=30, kept=16) as (circuits, (offer,)):
        estimate = await circuits.estimate(BoundCircuit(world.bell.encode()), device, ANN)
        assert isinstance(estimate, Estimate)
        quoted_us = quoted(estimate, offer, 500, Allowance(1024, 30)).qpu_us

        async def one(seed: int, tenant: str) -> Ran | Refused:
            work = CircuitWork(world.bell.encode(), 500, seed, quoted_us, event_id(), shared_device="anyone", qubits=2)
            async with circuits.turn(device, tenant, work, busy=Stopwatch(SystemClock())) as turn:
                return await turn.answer()

        asked = owners_of(circuits)
        found = await asyncio.gather(*(one(seed, ("acme", "globex")[seed % 2]) for seed in range(6)))
    ran = [it for it in found if isinstance(it, Ran) and it.shared is not None]
    assert len(ran) == 6
    assert all(sum(json.loads(it.counts).values()) == 500 for it in ran)
    regions = [it.shared.region for it in ran if it.shared]
    assert len({qubit for region in regions for qubit in region}) == 12
    assert max(it.qpu_us for it in ran) <= quoted_us
    assert abs(sum(it.qpu_us for it in ran) - quoted_us) <= 1_000  # regions differ in the length of their gates
    assert all(len(owners) == 1 for owners in asked.values())
    assert {*itertools.chain(*asked.values())} == {"acme", "globex"}


def owners_of(circuits: ChildCircuits) -> dict[int, set[str]]:
    """By process: whose circuits it was asked to run, from now on."""
    found: dict[int, set[str]] = {}
    for pool in circuits.runners.values():
        borrow = pool.borrow

        @asynccontextmanager
        async def watched(
            line: str = "", begin_by: float | None = None, borrow: Callable[..., Any] = borrow
        ) -> AsyncIterator[Borrowed]:
            async with borrow(line, begin_by) as child:
                found.setdefault(child.child.pid, set()).add(line)
                yield child

        pool.borrow = watched  # type: ignore[method-assign]  # observes only
    return found
