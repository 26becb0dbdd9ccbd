"""The policy of a repository: what is checked, and which values fail."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from queuebit.amounts import money_of
from queuebit.errors import InvalidInput
from queuebit_ci.patterns import matches
from queuebit_kernel import Money

__all__ = [
    "FILE",
    "Amount",
    "CircuitRule",
    "Gates",
    "Percent",
    "PlanRule",
    "Policy",
    "RunRule",
    "Share",
    "amount",
    "faults",
    "percent",
    "read_policy",
]

FILE = "queuebit-ci.toml"
"""The name of the policy, in the folder where `qb ci` runs."""

Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?( [A-Z]{3})?$")]
Percent = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?%$")]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PlanRule(_Section):
    """What circuits are planned for."""

    backend: str | None = None
    """The backend of cost, depth and success probability; default: the cheapest simulator that fits."""
    shots: Annotated[int, Field(ge=1)] = 1000
    """Shots of a plan."""


class RunRule(_Section):
    """How circuits with an expected distribution are run."""

    backend: str | None = None
    """Where they run; default: the cheapest simulator that fits, which has no noise."""
    shots: Annotated[int, Field(ge=1)] = 4000
    """Shots of a run. More shots detect smaller deviations."""
    seed: Annotated[int, Field(ge=0)] = 1
    """From this and the circuit follows the seed of its run: the same circuit gives the same counts every time."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.001
    """The false alarm rate: how often at least one correct circuit fails, over all circuits of a run."""
    max_cost: Amount = "1.00"
    """A run that could cost more is refused, such as "0.50" (USD) or "0.50 EUR"."""
    project: str | None = None
    """The project that pays; default: that of the credential."""
    tags: tuple[str, ...] = ()
    """Names for the bill."""
    timeout: Annotated[int, Field(ge=1)] = 600
    """Seconds to wait for a result."""


class Gates(_Section):
    """Limits. A circuit beyond one of them fails; without a limit, the value is only reported."""

    max_cost: Amount | None = None
    """The price of one run of the plan."""
    max_total_cost: Amount | None = None
    """The price of all circuits of the change together."""
    max_cost_increase: Percent | None = None
    """Over the baseline, such as "10%"."""
    min_esp: Share | None = None
    """The least estimated success probability (ESP), from 0 to 1; needs a device as backend of the plan."""
    max_esp_drop: Share | None = None
    """Below the baseline, absolute: 0.02 allows 0.95 to become 0.93."""
    max_depth: Annotated[int, Field(ge=0)] | None = None
    """Of the compiled circuit."""
    max_depth_increase: Percent | None = None
    """Over the baseline."""
    max_two_qubit_gates: Annotated[int, Field(ge=0)] | None = None
    """In the compiled circuit."""
    max_two_qubit_increase: Percent | None = None
    """Over the baseline."""
    min_fidelity: Share | None = None
    """The least Hellinger fidelity of the counts to the expected distribution."""


class CircuitRule(_Section):
    """Other gates for some circuits; the last rule that matches a circuit and has a limit counts."""

    path: str
    """A pattern such as "circuits/qft_*.qasm", relative to the folder where `qb ci` runs."""
    gates: Gates = Gates()
    """Limits that replace the general ones."""


class Policy(_Section):
    """What `qb ci` checks."""

    circuits: tuple[str, ...] = ("**/*.qasm",)
    """Patterns of circuits and batches, relative to the folder where `qb ci` runs; files of other names are ignored."""
    baseline: str | None = None
    """A file from `qb ci --write-baseline`; without it, `--since` compares with the base commit."""
    plan: PlanRule = PlanRule()
    """What circuits are planned for."""
    run: RunRule = RunRule()
    """How circuits with an expected distribution are run."""
    gates: Gates = Gates()
    """Limits of every circuit."""
    circuit: tuple[CircuitRule, ...] = ()
    """Other limits for some circuits."""

    def gates_of(self, path: str) -> Gates:
        """The limits of one circuit."""
        found = self.gates
        for rule in self.circuit:
            if matches(path, rule.path):
                found = found.model_copy(update=rule.gates.model_dump(exclude_none=True))
        return found


def read_policy(path: Path | None) -> Policy:
    """Read a policy; the default policy without a file.

    Raises:
        InvalidInput: there is no such file, or it is wrong; the text lists every fault.
    """
    if path is None:
        return Policy()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no policy {path}: write one, or leave --policy out") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    try:
        return Policy.model_validate(document, strict=False)
    except ValidationError as error:
        raise InvalidInput(f"{path} is wrong: {faults(error)}") from error


def faults(error: ValidationError) -> str:
    """Every fault with the key it is at, in one line."""
    return "; ".join(_fault(it["type"], it["loc"], it["msg"]) for it in error.errors(include_url=False))


def _fault(kind: str, place: tuple[int | str, ...], text: str) -> str:
    key = ".".join(map(str, place))
    if kind == "extra_forbidden":
        return f"{key}: there is no such key"
    if kind == "string_pattern_mismatch":
        shape = '"10%"' if "increase" in key else '"0.50" or "0.50 EUR"'
        return f"{key}: write text like {shape}"
    text = text.removeprefix("Value error, ")
    return f"{key}: {text[:1].lower()}{text[1:]}"


def amount(text: str) -> Money:
    """An amount of a policy."""
    return money_of(text)


def percent(text: str) -> Fraction:
    """A share of a policy, such as 1/10 for "10%"."""
    return Fraction(Decimal(text.removesuffix("%"))) / 100
