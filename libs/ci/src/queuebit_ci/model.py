"""What is known of a change: its circuits, their plans and runs, and how each check ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from queuebit_ci.significance import Comparison
from queuebit_kernel import Money

__all__ = ["Check", "CircuitReport", "Plan", "Report", "Run", "State"]

State: TypeAlias = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A circuit compiled for a backend, before it runs."""

    backend: str
    depth: int
    two_qubit_gates: int
    cost: Money | None = None
    """The most that a run costs; None without a stack, which alone has the prices."""
    esp: float | None = None
    """Estimated success probability; None on a simulator."""
    qpu_us: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A circuit that ran, beside its expected distribution."""

    backend: str
    shots: int
    seed: int
    counts: Mapping[str, int]
    comparison: Comparison
    fidelity: float
    """Hellinger fidelity of the counts to the expected distribution."""
    job: str | None = None
    """None without a stack."""
    charge: Money | None = None
    repeated: bool = False
    """Whether an earlier run of `qb ci` has paid for this job."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule applied to one circuit, or to the whole change."""

    rule: str
    state: State
    text: str
    line: int | None = None
    """Of the circuit, if the check is about one line."""
    column: int | None = None


@dataclass(frozen=True, slots=True)
class CircuitReport:
    """One circuit of the change."""

    path: str
    digest: str
    checks: tuple[Check, ...]
    plan: Plan | None = None
    before: Plan | None = None
    """The plan of the baseline; None if the circuit is new, or there is no baseline."""
    run: Run | None = None

    @property
    def failed(self) -> bool:
        return any(it.state == "failed" for it in self.checks)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole change."""

    circuits: tuple[CircuitReport, ...]
    checks: tuple[Check, ...] = ()
    """Of the change as a whole."""
    baseline: str | None = None
    """What was compared with, such as `the baseline file x.json` or `origin/main (1a2b3c4)`."""
    offline: bool = False
    alpha: float = 0.0
    tested: int = 0
    """How many distributions were compared; the false alarm rate holds for all of them together."""

    @property
    def failed(self) -> bool:
        return any(it.state == "failed" for _, it in self.everything())

    def everything(self) -> Iterator[tuple[str, Check]]:
        """All checks with the path of their circuit; an empty path for the change."""
        for circuit in self.circuits:
            yield from ((circuit.path, it) for it in circuit.checks)
        yield from (("", it) for it in self.checks)

    @property
    def charged(self) -> Money | None:
        """What this run paid: jobs that an earlier run paid for cost nothing again."""
        found = [it.run.charge for it in self.circuits if it.run and it.run.charge and not it.run.repeated]
        return sum(found[1:], found[0]) if found else None
