"""Options of the primitives. An unknown option is an `AttributeError` or `TypeError`, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from queuebit import Money

__all__ = ["Environment", "EstimatorOptions", "Options", "SamplerOptions", "options_of"]


@dataclass(slots=True)
class Environment:
    """The options of this name in IBM's primitives, as far as the platform has them."""

    job_tags: list[str] = field(default_factory=list)
    """Texts, shown as the job's label; for the bill use `tags`."""


@dataclass(slots=True)
class Options:
    """What both primitives have."""

    max_cost: Money | float | str | None = None
    """Refuse a job that could cost more: `Money`, a number or text in USD, or "1.50 EUR"."""
    compile: Literal["auto", "none"] = "auto"
    """`none` runs circuits that are compiled for the backend gate by gate, on exactly their qubits."""
    seed: int | None = None
    """Of simulations; default: derived from the job's id."""
    project: str | None = None
    """The project that pays; default: that of the credential."""
    purpose: str = "interactive"
    tags: list[str] = field(default_factory=list)
    """Names for the bill."""
    environment: Environment = field(default_factory=Environment)

    def __post_init__(self) -> None:
        if isinstance(self.environment, Mapping):
            self.environment = Environment(**self.environment)


@dataclass(slots=True)
class SamplerOptions(Options):
    """Options of `SamplerV2`."""

    default_shots: int = 1000


@dataclass(slots=True)
class EstimatorOptions(Options):
    """Options of `EstimatorV2`."""

    default_precision: float = 1 / 64
    """Standard error of a Pauli string: 4,096 shots for each measurement basis."""


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
