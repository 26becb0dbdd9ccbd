"""Expected distributions, in a file beside the circuit."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from queuebit.errors import InvalidInput
from queuebit_ci.policy import Share, faults

__all__ = ["Expected", "expected_file", "read_expected"]

_SUFFIXES = (".expected.toml", ".expected.json")
_CLOSE = 1e-6
_FRACTION = re.compile(r"[0-9]{1,18}/[1-9][0-9]{0,17}")

_Bits = Annotated[str, StringConstraints(pattern=r"^[01]+( [01]+)*$")]


def _number(given: float | str) -> float:
    """A probability as a number; NaN if it is text other than a fraction."""
    if isinstance(given, float):
        return given
    return float(Fraction(given)) if _FRACTION.fullmatch(given) else math.nan


def _probability(given: float | str) -> float | str:
    if 0 <= _number(given) <= 1:
        return given
    raise ValueError('write a number from 0 to 1, or a fraction such as "1/3"')


_Probability = Annotated[float | str, AfterValidator(_probability)]


class Expected(BaseModel):
    """What a circuit should measure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    probabilities: Annotated[dict[_Bits, _Probability], Field(min_length=1)]
    """By bit string, as in the counts of a result; numbers, or fractions such as "1/3". They sum to 1."""
    tolerance: Share = 0.0
    """Total variation that is allowed, such as the noise of a device; 0 tests for exactly this distribution."""
    shots: Annotated[int, Field(ge=1)] | None = None
    """Shots of this circuit; default: those of the policy."""

    def distribution(self) -> Mapping[str, float]:
        """The probabilities as numbers."""
        return {bits: _number(it) for bits, it in self.probabilities.items()}


def expected_file(circuit: Path) -> Path | None:
    """The file beside a circuit that says what it should measure: `bell.expected.toml` for `bell.qasm`."""
    found = [it for suffix in _SUFFIXES if (it := circuit.with_suffix(suffix)).is_file()]
    return found[0] if found else None


def read_expected(path: Path) -> Expected:
    """Read an expected distribution.

    Raises:
        InvalidInput: the file is wrong; the text lists every fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        found = Expected.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(f"{path.name} is wrong: {faults(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from error
    if len({tuple(map(len, bits.split())) for bits in found.probabilities}) > 1:
        raise InvalidInput(f"{path.name} is wrong: its bit strings have different lengths")
    total = math.fsum(found.distribution().values())
    if not math.isclose(total, 1, abs_tol=_CLOSE):
        raise InvalidInput(f'{path.name} is wrong: its probabilities sum to {total:.6g}, not 1; write thirds as "1/3"')
    return found
