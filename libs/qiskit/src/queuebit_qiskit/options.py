"""Options of the primitives. An unknown option is an `AttributeError` or `TypeError`, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from queuebit import Money

__all__ = [
    "DynamicalDecoupling",
    "Environment",
    "EstimatorOptions",
    "Options",
    "SamplerOptions",
    "Twirling",
    "options_of",
]


@dataclass(slots=True)
class Environment:
    """The options of this name in IBM's primitives, as far as the platform has them."""

    job_tags: list[str] = field(default_factory=list)
    """Texts, shown as the job's label; for the bill use `tags`."""


@dataclass(slots=True)
class DynamicalDecoupling:
    """The options of this name in IBM's primitives, as far as the platform has them."""

    enable: bool = False
    """Fill the idle times of qubits with pulses."""
    sequence_type: Literal["XX", "XY4"] = "XX"


@dataclass(slots=True)
class Twirling:
    """The options of this name in IBM's primitives, as far as the platform has them."""

    enable_gates: bool = False
    """Put random Pauli gates around two-qubit gates."""
    num_randomizations: int = 8
    """The copies of each circuit that share its shots, 1 to 64."""


@dataclass(slots=True)
class Options:
    """What both primitives have."""

    max_cost: Money | float | str | None = None
    """Refuse a job that could cost more: `Money`, a number or text in USD, or "1.50 EUR"."""
    min_fidelity: float | None = None
    """Refuse a job whose estimated success probability on the backend is less, also if that falls while it waits."""
    deadline: datetime | timedelta | None = None
    """When the result must be there, with a zone, or a duration from now: a job that cannot begin in time expires."""
    compile: Literal["auto", "none"] = "auto"
    """`none` runs circuits that are compiled for the backend gate by gate, on exactly their qubits."""
    seed: int | None = None
    """Of simulations; default: derived from the job's id."""
    project: str | None = None
    """The project that pays; default: that of the credential."""
    purpose: str = "interactive"
    tags: list[str] = field(default_factory=list)
    """Names for the bill."""
    workload_class: str | None = None
    """What kind of work it is, such as "batch"; the job counts against the budget of that class."""
    environment: Environment = field(default_factory=Environment)
    optimization_level: Literal[1, 2, 3] | None = None
    """Of the platform's compilation; None: as the backend chooses."""
    dynamical_decoupling: DynamicalDecoupling = field(default_factory=DynamicalDecoupling)
    twirling: Twirling = field(default_factory=Twirling)

    def __post_init__(self) -> None:
        if isinstance(self.environment, Mapping):
            self.environment = Environment(**self.environment)
        if isinstance(self.dynamical_decoupling, Mapping):
            self.dynamical_decoupling = DynamicalDecoupling(**self.dynamical_decoupling)
        if isinstance(self.twirling, Mapping):
            self.twirling = Twirling(**self.twirling)

    @property
    def post(self) -> list[str]:
        """The steps after the run."""
        return []

    def processing(self) -> dict[str, Any]:
        """What of these options is part of the program, as arguments of `queuebit.Client.submit` and `plan`."""
        decoupling, twirling = self.dynamical_decoupling, self.twirling
        chosen = {
            "optimization_level": self.optimization_level,
            "dynamical_decoupling": decoupling.sequence_type.lower() if decoupling.enable else None,
            "twirling": twirling.num_randomizations if twirling.enable_gates else None,
        }
        return {"compilation": {name: it for name, it in chosen.items() if it is not None}, "post": self.post}


@dataclass(slots=True)
class SamplerOptions(Options):
    """Options of `SamplerV2`."""

    default_shots: int = 1000


@dataclass(slots=True)
class EstimatorOptions(Options):
    """Options of `EstimatorV2`."""

    default_precision: float = 1 / 64
    """Standard error of a Pauli string: 4,096 shots for each measurement basis."""
    resilience_level: Literal[0, 1, 2] = 0
    """1: readout errors are corrected; 2: also extrapolated to zero noise, from three times the runs."""

    @property
    def post(self) -> list[str]:
        """The steps after the run.

        Raises:
            ValueError: there is no such level.
        """
        if self.resilience_level not in (0, 1, 2):
            raise ValueError(f"resilience_level is {self.resilience_level!r:.40}: choose 0, 1 or 2")
        return ["readout-mitigation/1", "zne/1"][: self.resilience_level]


_O = TypeVar("_O", bound=Options)


def options_of(kind: type[_O], given: _O | Mapping[str, Any] | None) -> _O:
    """Options from an object or a dictionary."""
    if given is None:
        return kind()
    if not isinstance(given, Mapping):
        return given
    names = [it.name for it in fields(kind)]
    if unknown := [name for name in given if name not in names]:
        raise TypeError(f"{kind.__name__} has no {', '.join(unknown)}: the options are {', '.join(names)}")
    return kind(**given)
