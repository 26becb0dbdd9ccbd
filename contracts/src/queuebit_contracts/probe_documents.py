"""The document `probes`: which circuits run where and how often (`probes.toml` of a home)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from queuebit_contracts.wire import NAME, Name
from queuebit_kernel import digest

__all__ = ["LEAST_QUBITS", "MOST_QUBITS", "Probe", "Probes", "Reruns"]

LEAST_QUBITS: Final[Mapping[str, int]] = MappingProxyType({"readout": 1, "ghz": 2, "mirror": 2})
"""The reference circuits, with the least number of qubits of each."""
MOST_QUBITS: Final = 64

_Pattern = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*?_-]{1,64}$")]
_ProbeName = Annotated[str, StringConstraints(pattern=NAME, max_length=40)]
"""The name of a run is longer, and is a name, too."""
_Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?( [A-Z]{3})?$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Probe(_Entry):
    """One circuit, on some backends, again and again."""

    circuit: str = ""
    """A reference circuit: `readout`, `ghz` or `mirror`."""
    qubits: int = Field(default=2, ge=1, le=MOST_QUBITS)
    """The size of the reference circuit."""
    seed: int = Field(default=1, ge=0)
    """Of the random layers of `mirror`."""
    file: str = Field(default="", max_length=512)
    """Instead of a reference circuit: a circuit beside the document. It needs `against`."""
    against: Name | None = None
    """A backend whose counts are right, such as an ideal simulator: both run, and are compared with each other.
    Without it, counts are compared with the exact result of the reference circuit."""
    backends: tuple[_Pattern, ...] = Field(min_length=1, max_length=32)
    """Where it runs: names, or patterns such as `emulated-*`."""
    every_minutes: int = Field(default=60, ge=1, le=10_080)
    shots: int = Field(default=1000, ge=1, le=1_000_000)
    """More shots prove smaller losses."""
    floor: float = Field(default=0.9, gt=0, le=1)
    """The least Hellinger fidelity."""
    max_cost: _Amount = "0.10"
    """A run that could cost more is refused, such as "0.50" (USD) or "0.50 EUR"."""
    timeout_s: int = Field(default=900, ge=1, le=86_400)
    """How long a result may take; after that the job is cancelled, and the run has failed."""

    @model_validator(mode="after")
    def _has_a_circuit(self) -> Self:
        if bool(self.circuit) == bool(self.file):
            raise ValueError("give either circuit or file")
        if self.file and self.against is None:
            raise ValueError('the right result of a file is not known: give against, such as against = "aer"')
        if self.circuit and self.circuit not in LEAST_QUBITS:
            raise ValueError(f"there is no reference circuit {self.circuit}: use one of {', '.join(LEAST_QUBITS)}")
        if self.circuit and self.qubits < (least := LEAST_QUBITS[self.circuit]):
            raise ValueError(f"{self.circuit} has {least} to {MOST_QUBITS} qubits, not {self.qubits}")
        return self

    @property
    def identity(self) -> str:
        """The digest of its definition."""
        return digest(self.model_dump_json().encode())

    def chosen(self, backends: Iterable[str]) -> Sequence[str]:
        """The backends on which it runs; never the one that it is compared with."""
        fits = (it for it in backends if any(fnmatchcase(it, pattern) for pattern in self.backends))
        return [it for it in fits if it != self.against]


class Reruns(_Entry):
    """Old jobs of projects that allow it, run again and compared with their results."""

    per_day: int = Field(default=0, ge=0, le=1440)
    """How many; 0 for none."""
    backends: tuple[_Pattern, ...] = Field(default=("aer", "cirq", "local-*"), min_length=1, max_length=32)
    """Jobs that ran on these: names, or patterns. Ideal simulators by default: devices change, and drift is watched."""
    min_hours: int = Field(default=24, ge=0, le=8760)
    """How old a job is at least."""
    max_days: int = Field(default=30, ge=1, le=365)
    """How old it is at most."""
    floor: float = Field(default=0.99, gt=0, le=1)
    """The least Hellinger fidelity of both results to each other. At 1, any difference beyond shot noise is one."""
    max_shots: int = Field(default=10_000, ge=1, le=1_000_000)
    """The run has as many shots as the job, and no more than these."""
    max_cost: _Amount = "0.10"
    """A run that could cost more is refused, and says nothing."""
    timeout_s: int = Field(default=900, ge=1, le=86_400)
    """How long a result may take."""

    @model_validator(mode="after")
    def _has_jobs(self) -> Self:
        if self.min_hours >= self.max_days * 24:
            text = f"no job is at least {self.min_hours} h and at most {self.max_days} days old: raise max_days"
            raise ValueError(text)
        return self

    def slot(self, now: datetime) -> int:
        """The begin of the time in which one job is run again, in seconds since 1970."""
        every = 86_400 // self.per_day
        return int(now.timestamp()) // every * every

    def chosen(self, backends: Iterable[str]) -> list[str]:
        """Those on which jobs are run again."""
        return sorted(it for it in backends if any(fnmatchcase(it, pattern) for pattern in self.backends))


class Probes(_Entry):
    """The document."""

    reruns: Reruns = Reruns()
    """Off without this section."""
    at_once: int = Field(default=4, ge=1, le=64)
    """How many runs are under way at most."""
    probe: dict[_ProbeName, Probe] = Field(default_factory=dict)
