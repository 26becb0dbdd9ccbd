"""What children answer, validated: their memory may have been corrupted by what they ran."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from queuebit_contracts.backend import MOST_STATUS, Kind
from queuebit_contracts.job import MOST_GATES, Compilation, Measure, Profile
from queuebit_contracts.query import CircuitError
from queuebit_contracts.results import ItemResult
from queuebit_contracts.sharing import SharedRun
from queuebit_contracts.wire import Digest, Name, Reason
from queuebit_executor.manifest import Manifest
from queuebit_executor.returned import MAX_MEASURES
from queuebit_planning.timing import Method
from queuebit_quantum import BilledTask, Input
from queuebit_quantum.regions import Region

__all__ = [
    "Declared",
    "Described",
    "Descriptions",
    "Estimate",
    "ItemRan",
    "Profiled",
    "Queued",
    "Ran",
    "Refused",
    "Regions",
    "Submitted",
    "Text",
    "Used",
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Described(_Answer):
    """What a backend is and takes."""

    backend: Name
    vendor: str
    kind: Kind
    qubits: int
    max_shots: int
    features: tuple[str, ...]
    gates: tuple[str, ...]
    rep_delay_ns: int
    overhead_ns: int
    target: Digest
    """Changes whenever the same circuit might compile differently."""
    calibration: Digest | None = None
    remote: bool = False
    """Whether the work continues at a vendor when this executor ends."""
    max_items: int = Field(default=100, ge=1)
    """The most circuits of one submission to a vendor."""
    billed_task: BilledTask = "job"
    """What a vendor bills as one task."""
    task_shots: int = Field(default=0, ge=0)
    """The most shots of a submission that is one task; 0: any."""
    without: tuple[tuple[int, ...], ...] = ()
    """The qubits and couplers that circuits are not compiled for."""
    status: Annotated[str, Field(max_length=MOST_STATUS)] | None = None
    """What its vendor says of it."""
    shares: bool = False
    """Whether several circuits can be on it at the same time."""


class Descriptions(_Answer):
    """Of all backends of a stack."""

    offers: tuple[Described, ...]


_Count = Annotated[int, Field(ge=0, le=MOST_GATES)]


class Estimate(_Answer):
    """A circuit compiled for one backend; says nothing yet of shots."""

    backend: Name
    depth: int = 0
    two_qubit_gates: int = 0
    duration_ns: int = 0
    rep_delay_ns: int = 0
    overhead_ns: int = 0
    esp_ppm: int = 1_000_000
    operations: str = ""
    """Of the compiled circuit, as `queuebit_planning.fidelity` writes them; none on ideal simulators."""
    gates: tuple[_Count, _Count, _Count] | None = None
    """Of one shot of the compiled circuit, as `queuebit_planning.gate_counts` counts them; none on ideal simulators."""
    methods: tuple[Method, ...] = ()
    """Ways to simulate it; none where it is unfit."""
    unfit: Reason | None = None
    parsed_bytes: int = Field(default=0, ge=0)
    """Of the frame's body, how many are the parsed circuit; the rest is the compiled one."""


class Profiled(_Answer):
    """A circuit parsed."""

    profile: Profile


class Queued(_Answer):
    """The queue of a vendor in front of a device; neither, if the vendor does not say it."""

    jobs: int | None = Field(default=None, ge=0)
    wait_s: float | None = Field(default=None, ge=0)


class Declared(_Answer):
    """What a source leaves open, and what it asks for."""

    inputs: tuple[Input, ...]
    observables: tuple[dict[str, float], ...] = ()
    """What is to be measured for its result pragmas."""


class ItemRan(_Answer):
    """What came of one item of a program; its result is the frame's body."""

    result: ItemResult
    calibration: Digest | None = None
    cpu_us: int = Field(default=0, ge=0)
    """Processor time of its steps after the run, in microseconds."""


class Ran(_Answer):
    """A finished run; the counts are its frame's body."""

    compilation: Compilation
    qubits: int
    qpu_us: int = Field(ge=0)
    calibration: Digest | None = None
    counts: bytes = b""
    shared: SharedRun | None = None
    """The run with other circuits on the device; `qpu_us` is the share of this one. None: it ran alone."""


class Refused(_Answer):
    """The circuit cannot be profiled or run: its own fault, or more than a job may use."""

    error: CircuitError
    lasting: bool = True
    """Whether the same circuit would be refused again; limits of time and memory may hit by chance."""
    used_us: int = Field(default=0, ge=0)
    """How long a run kept its backend until it reached one of its limits; 0 where the fault is another."""
    wait_s: int = Field(default=0, ge=0)
    """For how many seconds the vendor wants not to be asked; 0 if it does not say."""


class Regions(_Answer):
    """Of circuits that are on a device at the same time; None for those without room beside the others."""

    regions: tuple[Region | None, ...]


class Submitted(_Answer):
    """A submission at a vendor; `handle` is None if the vendor has none, or if no item could be submitted."""

    handle: str | None = Field(default=None, min_length=1, max_length=1024)
    calibration: Digest | None = None
    manifest: Manifest = Manifest(items=())

    def maybe_earlier(self) -> Submitted:
        """The same, for a run that may be of an earlier compilation than the manifest."""
        return self.model_copy(update={"manifest": self.manifest.model_copy(update={"rebuilt": True})})


class Text(_Answer):
    """One word: how far a submission is."""

    text: str = ""


class Used(_Answer):
    """What a vendor measured."""

    measures: tuple[Measure, ...] = Field(default=(), max_length=MAX_MEASURES)
