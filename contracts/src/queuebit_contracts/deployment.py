"""What operators set of the executors of a stack (`backends.toml`) and of its services (`services.toml`)."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from queuebit_contracts.wire import Name

__all__ = [
    "Backends",
    "BrokerSettings",
    "GatewaySettings",
    "MeteringSettings",
    "ProvenanceSettings",
    "SchedulerSettings",
    "ServiceSettings",
    "Services",
    "StackSettings",
    "StatedErrors",
]

_AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00-\x1f]{1,1000}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StatedErrors(_Entry):
    """What the operator expects of the calibrations of a backend: the largest median errors, from 0 to 1."""

    two_qubit_error: float | None = Field(default=None, gt=0, le=1)
    readout_error: float | None = Field(default=None, gt=0, le=1)


class StackSettings(_Entry):
    """Which backends of a stack are offered, and what its executor may use; absent means its own default."""

    enabled: bool = True
    """Whether its executor runs."""
    python: _AbsolutePath | None = None
    """Absolute path of the Python that has the plugin, in an environment of its own, because SDKs of vendors conflict;
    absent means the Python of the supervisor."""
    backends: tuple[str, ...] = ()
    """Ids of the backends to offer; empty means those that the plugin offers by itself."""
    slots: int | None = Field(default=None, ge=1, le=64)
    """Jobs at the same time."""
    memory_mb: int | None = Field(default=None, ge=512)
    """Memory of one run, beyond the SDK."""
    threads: int | None = Field(default=None, ge=1)
    """Processor cores of one large simulation."""
    run_seconds: float | None = Field(default=None, gt=0)
    """The longest run."""
    calibration_seconds: float | None = Field(default=None, gt=0)
    """The time between calibrations."""
    poll_seconds: float | None = Field(default=None, gt=0)
    """The time between two requests to a vendor about a run."""
    calls_per_minute: int | None = Field(default=None, ge=1)
    """The most calls to a vendor in a minute."""
    vendor_seconds: float | None = Field(default=None, gt=0)
    """How long a vendor that does not answer is asked."""
    network: bool | None = None
    """Whether the processes that run the plugin's code have a network; absent means only those that call a vendor."""
    readable: tuple[_AbsolutePath, ...] | None = None
    """Further files and folders that these processes read."""
    writable: tuple[_AbsolutePath, ...] | None = None
    """Files and folders that these processes write."""
    programs: bool | None = None
    """Whether these processes start other processes and programs."""
    sandbox: bool | None = None
    """Whether these processes give up the rights that they do not need; by default they do."""
    control_groups: dict[Name, Name] | None = None
    """By backend: the name of the control electronics that it shares with others, also of other stacks. Then the
    indicator `noisy-neighbour` asks whether their tenants disturb each other."""
    specifications: dict[Name, StatedErrors] | None = None
    """By backend: the largest median errors of a calibration that is good for the indicator `calibration-pass`."""
    region: Name | None = None
    """Where the backends of the stack stand, for jobs and tenants with allowed regions; absent: not known."""
    regions: dict[Name, Name] | None = None
    """By backend: where it stands, if that is not `region`."""
    environment: dict[str, str] = {}
    """Variables for the processes that run the plugin's code, such as a vendor's address and the file of its token.
    A value is no place for a secret: name the file that holds it."""

    @property
    def settings(self) -> dict[str, str]:
        """The same as an executor reads it."""
        named = self.model_dump(exclude_none=True, exclude={"enabled", "python", "backends", "environment"})
        settings = {
            f"QUEUEBIT_EXECUTOR_{name.upper()}": json.dumps(value) if isinstance(value, tuple | dict) else str(value)
            for name, value in named.items()
        }
        if self.environment:
            settings["QUEUEBIT_EXECUTOR_PASSED"] = json.dumps(sorted(self.environment))
        return {**self.environment, **settings}


class Backends(_Entry):
    """The document `backends`; a stack that it does not name goes by what its plugin says."""

    stack: dict[Name, StackSettings] = Field(default_factory=dict)
    """Stacks of devices or simulators, by name."""


class SchedulerSettings(_Entry):
    """How the scheduler places jobs."""

    processes: int = Field(default=1, ge=1, le=4)
    """How many run: one places jobs, and another one takes over when it ends."""
    policy: str = ""
    """The policy that places jobs, by name and version; empty: the newest of this version."""
    places_per_slot: int = Field(default=16, ge=1, le=1024)
    """The most placed jobs of a backend that have not ended, per slot."""
    silence_s: float = Field(default=30, ge=2, le=3600)
    """How long a backend may leave questions unanswered before its waiting jobs are placed elsewhere."""
    return_s: float = Field(default=120, ge=2, le=86400)
    """How long a backend that was out of service must answer without a gap before it is in service again."""


class BrokerSettings(_Entry):
    """What the broker admits."""

    writes_per_s: int = Field(default=500, ge=1, le=100_000)
    """Messages a second that each tenant may write."""
    max_source_bytes: int = Field(default=1_048_576, ge=1, le=1_048_576)
    """The largest circuit source."""
    profile_timeout_s: float = Field(default=10, gt=0, le=120)
    """How long an executor may take to read a circuit."""
    workers: int = Field(default=64, ge=1, le=64)
    """Submissions of one tenant that are decided concurrently."""


class MeteringSettings(_Entry):
    """How metering stores bills."""

    workers: int = Field(default=64, ge=1, le=64)
    """Jobs that are billed concurrently."""
    linger_ms: int = Field(default=250, ge=0, le=5000)
    """The least time between two batches of bills."""


class ProvenanceSettings(_Entry):
    """How provenance seals jobs."""

    max_batch: int = Field(default=200, ge=1, le=900)
    """The most jobs of one batch."""
    linger_ms: int = Field(default=250, ge=0, le=5000)
    """The least time between the beginnings of two batches."""


class GatewaySettings(_Entry):
    """Where the gateway may send webhooks and results."""

    webhook_private_hosts: tuple[str, ...] = ()
    """Hosts that webhooks may be sent to although their addresses are private; also the only ones with plain `http`."""
    bucket_keys: str = ""
    """Folder with the keys of tenants' buckets, `TENANT/NAME.toml`; without it, results go to no bucket."""


class ServiceSettings(_Entry):
    """Settings by service; one that is absent runs with its defaults."""

    broker: BrokerSettings | None = None
    scheduler: SchedulerSettings | None = None
    metering: MeteringSettings | None = None
    provenance: ProvenanceSettings | None = None
    gateway: GatewaySettings | None = None


class Services(_Entry):
    """The document `services`."""

    service: ServiceSettings = ServiceSettings()

    def environment(self, name: str) -> dict[str, str]:
        """The settings of a service, as it reads them."""
        wanted: BaseModel | None = getattr(self.service, name, None)
        return {
            f"QUEUEBIT_{name.upper()}_{field.upper()}": json.dumps(value) if isinstance(value, tuple) else str(value)
            for field, value in (wanted.model_dump(exclude={"processes"}) if wanted else {}).items()
        }
