"""The port of all backends, simulators and devices. Loads no SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from queuebit_planning.eligibility import Capacity, Demand, objections
from queuebit_planning.fidelity import Operation
from queuebit_planning.timing import Method, device_us, quickest
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit

__all__ = [
    "Backend",
    "BilledTask",
    "Compiled",
    "Description",
    "Elements",
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

Elements: TypeAlias = frozenset[tuple[int, ...]]
"""Qubits of a device as `(3,)`, and couplers as `(3, 5)`, the lower number first."""

BilledTask = Literal["job", "submission", "circuit"]

_Weight = TypeVar("_Weight", int, float)
"""A count or a probability."""


@dataclass(frozen=True, slots=True)
class Description:
    """The properties of a backend, and the circuits that it accepts."""

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
    status: str | None = None
    """What the vendor says of it, such as `active`, `internal` or `dedicated`; None if it says nothing. A device that
    is not `active` accepts jobs and may not run them."""
    rep_delay_s: float = 0.0
    """Pause after each shot, in seconds."""
    overhead_s: float = 0.0
    """Time charged once per job, in seconds."""
    remote: bool = False
    """True if the work continues at a vendor when this process ends. The executor then records the handle in the log
    before it waits, and polls. False if the work has ended when `submit` returns."""
    max_items: int = 100
    """The most circuits of one submission to a remote backend; a larger program becomes several submissions."""
    billed_task: BilledTask = "job"
    """What a remote backend's vendor bills as one task: the job, each submission, or each circuit. Unless it is the
    job, `usage` states the number of tasks as the metric `tasks`."""
    task_shots: int = 0
    """Where each submission is a task: the most shots of all its circuits together. One with more, or with circuits
    of different shots, is a task for each circuit. 0: each submission is one task."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A circuit compiled for one backend, with estimates of its run."""

    circuit_digest: str
    target_digest: str
    compiler: str
    """Name and version, such as `qiskit 2.6.1`."""
    seed: int
    two_qubit_gates: int
    depth: int
    program: Any = field(repr=False, compare=False)  # only the stack that compiled it reads it
    registers: tuple[int, ...]
    methods: tuple[Method, ...] = ()
    """Ways to simulate it, at least one on a simulator; a run takes the fastest for its shots."""
    physical_qubits: tuple[int, ...] = ()
    """Device qubits that the circuit uses."""
    duration_s: float = 0.0
    """Longest path through one shot, in seconds; 0.0 on simulators, which have no gate times."""
    esp: float = 1.0
    """Estimated success probability, from 0 to 1, of the operations under the calibration, as
    `queuebit_planning.fidelity` computes it. 1.0 on ideal simulators."""
    operations: tuple[Operation, ...] = ()
    """Gate counts per device qubits, from which the ESP follows for any calibration. Empty on ideal simulators."""
    rep_delay_s: float = 0.0
    overhead_s: float = 0.0
    readout_errors: tuple[float, ...] = ()
    """The probability that a classical bit is read wrongly, first bit first, by the calibration; 0.0 for a bit that is
    not measured. Empty unless the options of the circuit ask for it."""
    options: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The compile options that were applied, as `Compilation.options` has them; empty if there were none."""
    template: Compiled | None = field(default=None, repr=False, compare=False)
    """The same circuit compiled with open angles, if that gives the same program for these values."""
    values: tuple[float, ...] = field(default=(), repr=False, compare=False)
    """Those of the parameters of the template's program, in Qiskit's order."""

    def method(self, shots: int) -> Method:
        """Return the method that a run of this many shots takes, with its time and memory."""
        return quickest(self.methods, shots)

    def qpu_us(self, shots: int) -> int:
        """Return the forecast time on the device in microseconds, from `device_us`; 0 on simulators."""
        return device_us(shots, *(round(it * 1e9) for it in (self.duration_s, self.rep_delay_s, self.overhead_s)))


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One compiled circuit and its number of shots. Each item of a submission succeeds or fails alone."""

    compiled: Compiled
    shots: int
    seed: int
    """The same seed gives the same result on a simulator; a device ignores it."""
    memory: bool = False
    """Whether the caller wants the outcome of each shot, besides the counts."""
    owner: str = ""
    """Whose work it is: what a backend computed for one owner it uses for no other."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one item."""

    counts: Mapping[str, int]
    """Shots per bit string, in the order of Qiskit's `get_counts`: last bit first, last register first, one space
    between registers."""
    qpu_us: int | None = None
    """Device time in microseconds, on simulators the time of the simulation; None if only `usage` reports it."""
    memory: tuple[str, ...] | None = None
    """The bit string of each shot, in order; None if the item does not ask for it or the backend does not report it."""
    suspect: str = ""
    """Why the vendor itself doubts the outcome, such as a drift that it noticed; empty if it does not."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The reason why an item has no outcome."""

    code: str
    """For machines, such as `does_not_fit`, `out_of_memory` or `cancelled`."""
    text: str


WorkResult: TypeAlias = Outcome | Failed


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured quantity that a submission used."""

    metric: str
    """For example `qpu-time`."""
    quantity: str
    """A decimal number, exact."""
    unit: str
    """For example `microsecond`."""
    final: bool = True
    """False if the quantity can still change; the executor asks for it again later."""


Progress: TypeAlias = Literal["queued", "running", "ended"]
"""The state of a submission. `ended` does not mean success: `collect` reports success for each item."""


class Backend(Protocol):
    """Something that runs circuits.

    A method that calls a vendor raises `NotReachable` if the vendor does not answer; the executor calls it again later.
    Any other exception ends the child process that made the call. A call to a vendor is repeated a few times; then the
    job fails, and the service continues.
    """

    def describe(self) -> Description:
        """Return the description as of the last `calibrate`. Called often; must not block."""
        ...

    def calibrate(self) -> Calibration | None:
        """Read the calibration of the device and return it; None for an ideal simulator.

        `describe` and `compile` use it from then on.
        """
        ...

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """Compile a circuit; the same circuit, target and seed give the same program.

        Raises:
            DoesNotFit: the backend cannot run the circuit.
        """
        ...

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        """Submit the items together and return the handle of the submission.

        The token is an idempotency key: the same token again returns the same handle, and the items run once.

        Raises:
            DoesNotFit: the backend refused all items, and will refuse them again.
        """
        ...

    def find(self, token: str) -> str | None:
        """Return the handle of the submission with this token; None if the vendor never received it."""
        ...

    def poll(self, handle: str) -> Progress:
        """Return the state of a submission.

        Raises:
            UnknownHandle: the backend has no submission with this handle.
        """
        ...

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        """Return the outcome or failure of each item, in order, of a submission that has ended; can be called again.

        Raises:
            UnknownHandle: the backend has no submission with this handle.
        """
        ...

    def cancel(self, handle: str) -> None:
        """Stop a submission; does nothing if it has ended or is unknown.

        The submission ends soon after. Items that did not finish are `Failed` with the code `cancelled`.
        """
        ...

    def usage(self, handle: str) -> tuple[Measure, ...]:
        """Return what a submission has used until now.

        Raises:
            UnknownHandle: the backend has no submission with this handle.
        """
        ...


def require_fit(description: Description, circuit: Circuit | None = None, shots: int = 1) -> None:
    """Check that a backend accepts this circuit and this number of shots.

    Raises:
        DoesNotFit: it does not; the text lists every reason.
    """
    demand = Demand(shots=shots)
    if circuit is not None:
        demand = Demand(shots=shots, qubits=len(circuit.touched), features=circuit.needs)
    capacity = Capacity(
        backend=description.id,
        max_shots=description.max_shots,
        qubits=description.num_qubits,
        features=description.features,
    )
    if found := objections(demand, capacity):
        places = _places(circuit, description) if circuit is not None else ""
        raise DoesNotFit(f"{description.id}: {'; '.join(f'it {objection.text}' for objection in found)}{places}")


def _places(circuit: Circuit, description: Description) -> str:
    """Return where a circuit uses features that a backend does not have."""
    found = {name: place for name, place in circuit.places.items() if name in circuit.features - description.features}
    return "".join(f"; {name} is used in line {line}, column {column}" for name, (line, column) in found.items())


def result_key(value: int, registers: tuple[int, ...]) -> str:
    """Format one outcome as `result_keys` does; bit 0 of the integer is the first classical bit."""
    width = sum(registers)
    return _spaced(format(value & (1 << width) - 1, f"0{width}b"), registers)


def result_keys(counts: Mapping[int, _Weight], registers: tuple[int, ...]) -> dict[str, _Weight]:
    """Format outcomes as Qiskit's bit strings, most frequent first; bit 0 of each integer is the first classical bit.

    Bits beyond the registers are internal to the program, and are removed.
    """
    width = sum(registers)
    first_internal = 1 << width
    if max(counts, default=0) >= first_internal:
        counts = _without_internal(counts, first_internal - 1)
    ordered = sorted(counts.items())
    ordered.sort(key=itemgetter(1), reverse=True)  # outcomes of one weight stay in order
    if len(registers) == 1:  # as below, and three times as fast
        return {bin(value | first_internal)[3:]: count for value, count in ordered}
    return {_spaced(format(value, f"0{width}b"), registers): count for value, count in ordered}


def _without_internal(counts: Mapping[int, _Weight], shown: int) -> Mapping[int, _Weight]:
    found: dict[int, _Weight] = {}
    for value, count in counts.items():
        result = value & shown
        found[result] = found[result] + count if result in found else count
    return found


def _spaced(bits: str, registers: tuple[int, ...]) -> str:
    pieces, end = [], len(bits)
    for width in registers:
        pieces.append(bits[end - width : end])
        end -= width
    return " ".join(reversed(pieces))
