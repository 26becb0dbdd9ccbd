"""What a template is: parameters, programs that follow from them, and what their results mean. No input or output."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Estimate",
    "Item",
    "Measured",
    "Parameters",
    "Program",
    "Reading",
    "Steps",
    "Template",
    "one_job",
    "quantity",
]


class Parameters(BaseModel):
    """The parameters of a template, each with a default, a unit and a meaning. Unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def quantity(default: Any, unit: str, meaning: str, **bounds: float) -> Any:  # of any type, as pydantic's Field
    """A field of `Parameters`.

    Args:
        default: its value if none is given.
        unit: what it counts or measures; empty for a name or a choice.
        meaning: one phrase for people.
        bounds: as of pydantic's `Field`: `ge`, `le`, `gt`, `lt`, `min_length`, `max_length`.
    """
    extra: dict[str, Any] = {"unit": unit}  # as pydantic types it
    limits: dict[str, Any] = dict(bounds)  # as pydantic types them
    return Field(default, description=meaning, json_schema_extra=extra, **limits)


@dataclass(frozen=True, slots=True)
class Item:
    """One circuit of a program, with values for its inputs."""

    source: str
    """OpenQASM 3, or another language that the platform reads."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """A value for each `input` of the source; angles in radians."""
    observables: tuple[Mapping[str, float], ...] = ()
    """Sums of Pauli strings, whose rightmost letter is for the first qubit. With any, the item has no counts."""
    shots: int | None = None
    """Default: those of the program."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is submitted as one job."""

    items: tuple[Item, ...]
    shots: int
    memory: bool = False
    """Whether the outcome of each shot is needed, in order."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An expectation value with its standard error from shot noise; None if unknown."""

    value: float
    stderr: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What one item returned."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """Shots by bit string; the leftmost bit is the last classical bit, as in Qiskit."""
    memory: tuple[str, ...] = ()
    """The bit string of each shot, in order, if the program asks for it."""
    expectations: tuple[Estimate, ...] = ()
    """One for each observable, in order."""

    @property
    def shots(self) -> int:
        return sum(self.counts.values())

    def share(self, bits: str) -> float:
        """The share of shots with this outcome, from 0 to 1."""
        return self.counts.get(bits, 0) / max(self.shots, 1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the results of a template mean."""

    summary: str
    """One or two sentences."""
    values: Mapping[str, object]
    """Plain JSON by name; `Template.values` says what each is, with its unit."""


Steps: TypeAlias = Generator[Program, Sequence[Measured], Reading]
"""Yields programs one after another, receives the results of each, and returns the reading."""

_P = TypeVar("_P", bound=Parameters)


def _one(_: Parameters) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Template(Generic[_P]):
    """A ready workload: a pure function from parameters to programs, and from their results to a reading.

    The same parameters and results give the same programs and reading: all choices at random follow from a `seed`
    among the parameters.
    """

    name: str
    """Lower-case words joined by `-`; the name of its entry point."""
    summary: str
    """One line for a list."""
    parameters: type[_P]
    steps: Callable[[_P], Steps]
    values: Mapping[str, str]
    """What each value of the reading is, with its unit."""
    source: str
    """Where the method is published."""
    example: Mapping[str, object] = field(default_factory=dict)
    """Parameters of an instructive example."""
    jobs: Callable[[_P], int] = _one
    """The most jobs that it needs."""

    def first(self, parameters: _P) -> Program:
        """The first program: the only one, or of the size of those that follow."""
        return next(self.steps(parameters))


def one_job(
    program: Callable[[_P], Program], reading: Callable[[_P, Sequence[Measured]], Reading]
) -> Callable[[_P], Steps]:
    """The steps of a template that needs one job."""

    def steps(parameters: _P) -> Steps:
        return reading(parameters, (yield program(parameters)))

    return steps
