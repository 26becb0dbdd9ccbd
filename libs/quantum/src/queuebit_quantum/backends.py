"""What every backend offers, whatever stack it is built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from queuebit_quantum.calibration import Calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit
from queuebit_quantum.workload import Method, quickest

__all__ = ["Backend", "Compiled", "Description", "Outcome", "require_fit", "result_keys"]

_Weight = TypeVar("_Weight", int, float)
"""A count or a probability."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a backend is and accepts."""

    id: str
    vendor: str
    kind: Literal["simulator", "emulated"]
    num_qubits: int
    basis_gates: tuple[str, ...]
    couplings: int
    """Qubit pairs that can interact directly, each counted once; 0 where all of them can."""
    features: frozenset[str]
    """Circuit features it can run."""
    max_shots: int
    target_digest: str
    """Changes whenever the same circuit might compile differently."""
    calibrated_at: str | None = None
    calibration_digest: str | None = None
    rep_delay_s: float = 0.0
    """Pause after each shot, in seconds."""
    overhead_s: float = 0.0
    """Time charged once per job, in seconds."""


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
    duration_s: float
    """Longest path through one shot, in seconds; 0.0 on simulators, which have no gate times."""
    esp: float
    """Estimated success probability, from 0 to 1: the product over all operations of one minus their error, readout
    included (Nishio et al. 2020, "Extracting success from IBM's 20-qubit machines using error-aware compilation",
    arXiv:1903.10963). Idle decay is left out. 1.0 on ideal simulators."""
    physical_qubits: tuple[int, ...]
    """Device qubits that the circuit touches."""
    rep_delay_s: float
    overhead_s: float
    program: Any = field(repr=False, compare=False)  # belongs to the stack that compiled it
    registers: tuple[int, ...]
    methods: tuple[Method, ...]
    """Ways to simulate it; a run takes the quickest for its shots."""

    def method(self, shots: int) -> Method:
        """Return how a run of these shots is simulated, with its time and memory."""
        return quickest(self.methods, shots)

    def qpu_seconds(self, shots: int) -> float:
        """Return the time a device is occupied: shots * (duration + repetition delay) + overhead; 0.0 on simulators.

        IBM's guide "Estimate job run time" gives this form and an overhead of about 2 s.
        """
        return shots * (self.duration_s + self.rep_delay_s) + self.overhead_s


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back from one run."""

    counts: Mapping[str, int]
    """Bit strings as Qiskit's `get_counts` writes them: last bit first, last register first, a space between."""
    duration_s: float
    """Wall time of the run."""
    qpu_s: float
    """Modelled device time, see `Compiled.qpu_seconds`."""


class Backend(Protocol):
    """Something that runs circuits. The same seeds give the same result."""

    @property
    def id(self) -> str: ...

    @property
    def description(self) -> Description: ...

    @property
    def calibration(self) -> Calibration | None:
        """The figures behind the description; None for ideal simulators."""
        ...

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """Make a circuit ready; raises `DoesNotFit`."""
        ...

    def run(self, compiled: Compiled, shots: int, seed: int) -> Outcome:
        """Run it; raises `DoesNotFit` for a number of shots it does not take."""
        ...


def require_fit(description: Description, circuit: Circuit | None = None, shots: int = 1) -> None:
    """Raise `DoesNotFit`, naming every reason, unless the backend takes this circuit and this many shots."""
    reasons = []
    if not 1 <= shots <= description.max_shots:
        reasons.append(f"shots must be from 1 to {description.max_shots:,}, not {shots:,}")
    if circuit is not None:
        if len(circuit.touched) > description.num_qubits:
            reasons.append(f"it has {description.num_qubits} qubits and the circuit needs {len(circuit.touched)}")
        missing = sorted(circuit.features - description.features)
        if missing:
            reasons.append(f"it cannot run circuits with {', '.join(missing)}")
    if reasons:
        raise DoesNotFit(f"{description.id}: {'; '.join(reasons)}")


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
