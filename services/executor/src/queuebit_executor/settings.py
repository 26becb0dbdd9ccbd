"""What an executor reads from its environment."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_contracts.subjects import parse
from queuebit_contracts.topology import topology

__all__ = ["Settings"]


class Settings(BaseSettings):
    """One executor serves one stack; on the bus it is `executor-<stack>`."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_EXECUTOR_", frozen=True, extra="forbid")

    stack: Literal["aer", "cirq", "ibm"]
    """Whose SDK this process runs."""
    backends: tuple[str, ...] = ()
    """Ids of the backends to offer, as a JSON array; empty means all that the stack's durables deliver."""
    slots: int = Field(default=1, ge=1, le=64)
    """Circuits that a simulator runs side by side, each in its own child. A device always runs one at a time."""
    memory_mb: int = Field(default=1536, ge=512, le=1 << 20)
    """Memory a child may take on top of the SDK it shares with the others."""
    threads: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2), ge=1, le=256)
    """Processor cores that one simulation of 15 qubits or more may use; smaller ones use one."""
    profile_seconds: float = Field(default=4.0, gt=0, le=600)
    """Wall time for parsing a circuit to profile it, and again for compiling it for each backend."""
    patience_seconds: float = Field(default=9.0, gt=0, le=600)
    """How long whoever asks for a profile waits: a little less than the broker's own limit."""
    run_seconds: float = Field(default=60.0, gt=0, le=86_400)
    """Wall time for one run."""
    start_seconds: float = Field(default=60.0, gt=0, le=600)
    """How long the SDK may take to load."""

    @property
    def service(self) -> str:
        """The name on the bus."""
        return f"executor-{self.stack}"

    @property
    def offered(self) -> dict[str, str]:
        """The backends this process serves, and the durable that delivers the work of each."""
        delivered = _delivered(self.service)
        return {backend: delivered[backend] for backend in self.backends or delivered}

    @model_validator(mode="after")
    def _only_what_is_delivered(self) -> Settings:
        strangers = set(self.backends) - _delivered(self.service).keys()
        if strangers:
            raise ValueError(f"{self.service} gets no work for {', '.join(sorted(strangers))}: see the topology")
        return self

    @model_validator(mode="after")
    def _answers_in_time(self) -> Settings:
        if self.profile_seconds >= self.patience_seconds:
            raise ValueError("profile_seconds must stay below patience_seconds, or nobody waits for what took so long")
        return self


def _delivered(service: str) -> dict[str, str]:
    """Each backend's durable: one of its own, so that a slow one holds up no other."""
    duties = topology().durables_of(service)
    return {parse(subject).qualifiers[0]: name for name, duty in duties.items() for subject in duty.filters}
