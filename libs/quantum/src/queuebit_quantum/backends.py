"""The port of all backends, simulators and devices. Loads no SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from queuebit_planning.eligibility import Capacity, Demand, objections
from queuebit_planning.fidelity import Operation
from queuebit_planning.timing import Method, device_us, quickest
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit

__all__ = [
    "Backend",
    "Compiled",
    "Description",
    "Failed",
    "Measure",
    "Outcome",
    "Progress",
    "WorkItem",
    "WorkResult",
    "require_fit",
    "result_key",
    "result_keys",
]

_Weight = TypeVar("_Weight", int, float)
"""A count or a probability."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a backend is and accepts."""

    id: str
    vendor: str
    kind: str
    """`simulator`, `emulated` or `qpu`. A backend of any other kind counts as a device, and runs only jobs that name
    it."""
    num_qubits: int
    basis_gates: tuple[str, ...]
    max_shots: int
    target_digest: str
    """Changes whenever the same circuit might compile differently."""
    couplings: int = 0
    """Qubit pairs that can interact directly, each counted once; 0 where all of them can."""
    features: frozenset[str] = frozenset()
    """Circuit features it can run."""
    calibrated_at: str | None = None
    calibration_digest: str | None = None
    rep_delay_s: float = 0.0
    """Pause after each shot, in seconds."""
    overhead_s: float = 0.0
    """Time charged once per job, in seconds."""
    remote: bool = False
    """Whether work goes on elsewhere when this process ends: then its handle is recorded before anything waits for it,
    and it is polled. Otherwise it has ended when `submit` returns."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A circuit made ready for one backend, and what can be said of it before it runs."""

    circuit_digest: str
    target_digest: str
    compiler: str
    """Name and version, such as `qiskit 2.6.1`."""
    seed: int
    two_qubit_gates: int
    depth: int
    program: Any = field(repr=False, compare=False)  # belongs to the stack that compiled it
    registers: tuple[int, ...]
    methods: tuple[Method, ...] = ()
    """Ways to simulate it, at least one on a simulator; a run takes the quickest for its shots."""
    physical_qubits: tuple[int, ...] = ()
    """Device qubits that the circuit touches."""
    duration_s: float = 0.0
    """Longest path through one shot, in seconds; 0.0 on simulators, which have no gate times."""
    esp: float = 1.0
    """Estimated success probability, from 0 to 1, of the operations under the calibration, as
    `queuebit_planning.fidelity` computes it. 1.0 on ideal simulators."""
    operations: tuple[Operation, ...] = ()
    """Gates on device qubits, counted: with them the ESP follows from any calibration. Empty on ideal simulators."""
    rep_delay_s: float = 0.0
    overhead_s: float = 0.0

    def method(self, shots: int) -> Method:
        """Return how a run of these shots is simulated, with its time and memory."""
        return quickest(self.methods, shots)

    def qpu_us(self, shots: int) -> int:
        """Return the time a device is occupied, in microseconds, as `device_us` forecasts it; 0 on simulators."""
        return device_us(shots, *(round(it * 1e9) for it in (self.duration_s, self.rep_delay_s, self.overhead_s)))


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One compiled circuit and its number of shots. Each item of a submission succeeds or fails alone."""

    compiled: Compiled
    shots: int
    seed: int
    """The same seed gives the same result on a simulator; a device ignores it."""
    memory: bool = False
    """Whether the outcome of each shot is wanted, besides the counts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one item."""

    counts: Mapping[str, int]
    """Bit strings as Qiskit's `get_counts` writes them: last bit first, last register first, a space between."""
    qpu_us: int | None = None
    """Device time in microseconds, on simulators the time of the simulation; None where only `usage` tells it."""
    memory: tuple[str, ...] | None = None
    """The bit string of each shot, in order, where the item asked for it and the backend can tell."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The reason why an item has no outcome."""

    code: str
    """For machines, such as `does_not_fit`, `out_of_memory` or `cancelled`."""
    text: str


WorkResult: TypeAlias = Outcome | Failed


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of what a submission used."""

    metric: str
    """Such as `qpu-time`."""
    quantity: str
    """A decimal number, exact."""
    unit: str
    """Such as `microsecond`."""
    final: bool = True
    """Whether the figure can no longer change. What is not final is asked for again later."""


Progress: TypeAlias = Literal["queued", "running", "ended"]
"""How far a submission is. `ended` says nothing of success: `collect` does, for each item."""


class Backend(Protocol):
    """Something that runs circuits.

    A method that needs a vendor raises `NotReachable` when the vendor does not answer, and is called again later.
    Every other exception ends the process that called it; the job fails, the service does not. A call to a vendor is
    made a few times before.
    """

    def describe(self) -> Description:
        """Return what it is and accepts, as `calibrate` last found it. Called often, and must not block."""
        ...

    def calibrate(self) -> Calibration | None:
        """Read the figures of the device anew and return them; None for an ideal simulator.

        From then on `describe` and `compile` use them.
        """
        ...

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """Make a circuit ready; the same circuit, target and seed give the same program. Raises `DoesNotFit`."""
        ...

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        """Hand over the items as one submission and return its handle.

        The token names the submission at the vendor: the same token again is the same submission, which runs once and
        has one handle.

        Raises:
            DoesNotFit: none of it was taken, and none ever will be.
        """
        ...

    def find(self, token: str) -> str | None:
        """Return the handle of the submission with this token; None if the vendor never received it."""
        ...

    def poll(self, handle: str) -> Progress:
        """Say how far a submission is. Raises `UnknownHandle`."""
        ...

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        """Return what came of each item, in their order, once the submission has ended; again as often as asked.

        Raises `UnknownHandle`.
        """
        ...

    def cancel(self, handle: str) -> None:
        """Stop a submission; does nothing to one that has ended or is unknown.

        It ends soon after: items that did not finish are `Failed` with the code `cancelled`.
        """
        ...

    def usage(self, handle: str) -> tuple[Measure, ...]:
        """Say what a submission has used so far. Raises `UnknownHandle`."""
        ...


def require_fit(description: Description, circuit: Circuit | None = None, shots: int = 1) -> None:
    """Raise `DoesNotFit`, naming every reason, unless the backend takes this circuit and this many shots."""
    demand = Demand(shots=shots)
    if circuit is not None:
        demand = Demand(shots=shots, qubits=len(circuit.touched), features=circuit.features)
    capacity = Capacity(
        backend=description.id,
        max_shots=description.max_shots,
        qubits=description.num_qubits,
        features=description.features,
    )
    if found := objections(demand, capacity):
        raise DoesNotFit(f"{description.id}: {'; '.join(f'it {objection.text}' for objection in found)}")


def result_key(value: int, registers: tuple[int, ...]) -> str:
    """Write one outcome, an integer with bit 0 the first classical bit, as `result_keys` does."""
    width = sum(registers)
    return _spaced(format(value & (1 << width) - 1, f"0{width}b"), registers)


def result_keys(counts: Mapping[int, _Weight], registers: tuple[int, ...]) -> dict[str, _Weight]:
    """Write outcomes, given as integers with bit 0 the first classical bit, as Qiskit does; most frequent first.

    Bits beyond the registers serve the program only, and are left out.
    """
    width = sum(registers)
    shown: dict[int, _Weight] = {}
    for value, count in counts.items():
        result = value & (1 << width) - 1
        shown[result] = shown[result] + count if result in shown else count
    ordered = sorted(shown.items(), key=lambda outcome: (-outcome[1], outcome[0]))
    return {_spaced(format(value, f"0{width}b"), registers): count for value, count in ordered}


def _spaced(bits: str, registers: tuple[int, ...]) -> str:
    pieces, end = [], len(bits)
    for width in registers:
        pieces.append(bits[end - width : end])
        end -= width
    return " ".join(reversed(pieces))
