"""What an executor reads from its environment."""

from __future__ import annotations

import os
from functools import cached_property

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_contracts.deployment import StatedErrors
from queuebit_contracts.executors import durable_of, executor_of, with_executors
from queuebit_contracts.topology import Topology, topology
from queuebit_contracts.wire import Digest, Name
from queuebit_executor.memory_shares import most_memory_mb
from queuebit_planning.limits import MAX_BUSY_US
from queuebit_quantum import load_stack
from queuebit_runtime.machine_memory import machine_memory_bytes

__all__ = ["Settings"]


class Settings(BaseSettings):
    """One executor serves one stack; on the bus it is `executor-<stack>`."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_EXECUTOR_", frozen=True, extra="forbid")

    stack: Name
    """Whose SDK this process runs: the name of an installed plugin, see `queuebit_quantum.catalog`."""
    backends: tuple[str, ...] = ()
    """Ids of the backends to offer, as a JSON array; empty means those that the plugin offers by default."""
    passed: tuple[str, ...] = ()
    """Names of variables that the processes with the plugin's code see, as a JSON array; of others they see nothing."""
    network: bool | None = None
    """Whether the processes with the plugin's code have a network; by default only those that call a vendor."""
    readable: tuple[str, ...] = ()
    """Further files and folders that they read, as a JSON array of absolute paths."""
    writable: tuple[str, ...] = ()
    """Files and folders that they write, as a JSON array of absolute paths."""
    programs: bool = False
    """Whether they start processes and programs."""
    sandbox: bool = True
    """Whether these processes give up the rights that they do not need; without, only memory and time are limited."""
    control_groups: dict[Name, Name] = Field(default_factory=dict)
    """By backend: the name of the control electronics that it shares with others, as a JSON object."""
    region: Name | None = None
    """Where its backends stand, such as `eu-central-1`; unset: not known, and jobs with allowed regions do not run."""
    regions: dict[Name, Name] = Field(default_factory=dict)
    """By backend: where it stands, if that is not `region`, as a JSON object."""
    image: Digest | None = None
    """The digest of the image that this process runs in, for receipts."""
    specifications: dict[Name, StatedErrors] = Field(default_factory=dict)
    """By backend: the largest median errors that its calibrations should have, as a JSON object."""
    slots: int | None = Field(default=None, ge=1, le=64)
    """Circuits that a simulator runs at the same time, each in its own child; by default one for each core. At a
    vendor, the number of our jobs; by default one. A device here always runs one."""
    kept: int = Field(default=64, ge=1, le=256)
    """The most children of a simulator that live, at least one for each slot, and a quarter of that for a device: each
    is of one tenant, and idle until that runs again. Idle ones of a backend together take at most a sixteenth of the
    memory of the machine or container, or 256 MiB. One takes 7 to 40 MB, so that fewer than 64 are kept with less than
    16 GiB. If more tenants run in turn, their jobs take some 25 ms of processor time more."""
    memory_mb: int = Field(default_factory=lambda: max(512, min(1536, _affordable_mb())), ge=512, le=1 << 20)
    """Memory a child may take on top of the SDK it shares with the others, at most three quarters of the machine's or
    container's; by default 1,536 MiB."""
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    """Processor cores that one simulation of 17 qubits or more may use; smaller ones use one."""
    profile_seconds: float = Field(default=4.0, gt=0, le=600)
    """Wall time for parsing a circuit to profile it, and again for compiling it for each backend."""
    patience_seconds: float = Field(default=9.0, gt=0, le=600)
    """How long a client waits for a profile: a little less than the broker's own limit."""
    run_seconds: float = Field(default=60.0, gt=0, le=MAX_BUSY_US / 1_000_000)
    """Wall time for one run."""
    poll_seconds: float = Field(default=2.0, gt=0, le=3_600)
    """How often a vendor is asked whether a run has ended."""
    calls_per_minute: int | None = Field(default=None, ge=1, le=60_000)
    """The most calls to the vendor in a minute, of all jobs together: submissions, questions whether a run has ended,
    results, usage and cancellations. One call may be several requests of the vendor's SDK. Unset: no limit."""
    vendor_seconds: float = Field(default=604_800.0, gt=0)
    """How long after a job's newest event a vendor is asked that does not answer, or does not state final usage. Then
    the placement becomes a dead letter, so that it blocks no other; the job and its hold stay as they are."""
    calibration_seconds: float = Field(default=300.0, gt=0, le=86_400)
    """Seconds between calibrations of a device: it is read again, and announced if it changed."""
    queue_seconds: float = Field(default=60.0, ge=10, le=3_600)
    """Seconds between two readings of the queue in front of a vendor's device, if the vendor reports it."""
    start_seconds: float = Field(default=60.0, gt=0, le=600)
    """How long the SDK may take to load."""

    @property
    def cores(self) -> int:
        """Simulations at the same time if `slots` is not set: their limits fit in half of the machine's memory."""
        affordable = machine_memory_bytes() // 2 // (self.memory_mb << 20)
        return max(1, min(os.cpu_count() or 1, affordable, 64))

    @property
    def idle_bytes(self) -> int:
        """The most memory of the idle children of one backend, and of those that profile."""
        return max(256 << 20, machine_memory_bytes() // 16)

    @property
    def service(self) -> str:
        """The name on the bus."""
        return executor_of(self.stack)

    @cached_property
    def offered(self) -> tuple[str, ...]:
        """The backends this process serves.

        Raises:
            BrokenStack: the plugin is not installed, or does not work.
        """
        return self.backends or load_stack(self.stack).offers

    @property
    def durables(self) -> dict[str, str]:
        """The durable that delivers the work of each backend: its own, so that a slow one holds up no other."""
        return {backend: durable_of(self.stack, backend) for backend in self.offered}

    @property
    def topology(self) -> Topology:
        """The topology with this executor."""
        return with_executors(topology(), {self.stack: self.offered})

    @model_validator(mode="after")
    def _answers_in_time(self) -> Settings:
        if self.profile_seconds >= self.patience_seconds:
            raise ValueError("profile_seconds must be below patience_seconds: clients wait no longer")
        return self

    @model_validator(mode="after")
    def _fits_the_machine(self) -> Settings:
        if self.memory_mb > max(512, most := _affordable_mb()):
            raise ValueError(
                f"memory_mb is {self.memory_mb:,}, and a run may take {most:,} MiB of this machine or container, three "
                "quarters of its memory: lower it, or run this executor on a larger machine"
            )
        return self


def _affordable_mb() -> int:
    return most_memory_mb(machine_memory_bytes())
