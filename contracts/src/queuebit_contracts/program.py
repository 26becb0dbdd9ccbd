"""Programs: circuits, and items with parameters and observables.

A submission's payload says by its media type what it is: one of `CIRCUITS` is one circuit, `PROGRAM` a manifest. A
manifest is an instruction, not a fact: unlike in an event, a field that a reader does not know makes it refuse the
whole program, because running half of what was asked for would be wrong and would be charged.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from queuebit_contracts.processing import ZNE, CompileOptions, PostStep, post_faults
from queuebit_contracts.quality import Expected
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest

__all__ = [
    "CIRCUIT",
    "CIRCUITS",
    "MAX_CIRCUITS",
    "MAX_ITEMS",
    "PROGRAM",
    "QIR_BITCODE",
    "QIR_TEXT",
    "QUBO",
    "BadProgram",
    "Item",
    "Observable",
    "Output",
    "ParameterValue",
    "Program",
    "read_program",
]

CIRCUIT: Final = "text/x-openqasm"
"""Media type of one circuit in OpenQASM 2 or 3."""

QIR_TEXT: Final = "text/x-qir"
"""Media type of one circuit in QIR, as LLVM assembly."""

QIR_BITCODE: Final = "application/x-qir"
"""Media type of one circuit in QIR, as LLVM bitcode. It is no text, so that it is never part of an event."""

QUBO: Final = "application/vnd.queuebit.qubo+json"
"""Media type of one quadratic problem over bits, which an annealer runs."""

CIRCUITS: Final = frozenset({CIRCUIT, QIR_TEXT, QIR_BITCODE, QUBO})
"""Media types of one circuit. Its language follows from the content alone, so that the digest says what runs."""

PROGRAM: Final = "application/vnd.queuebit.program+json"
"""Media type of a manifest."""

MAX_ITEMS: Final = 10_000
MAX_CIRCUITS: Final = 1_000
_MAX_NAMES: Final = 1_000
"""Parameters of an item, observables of an item, and terms of an observable."""

_MAX_TERMS: Final = 2_000
"""Terms of all observables of one item: each measurement basis needs a separate run."""

_MAX_DISTINCT_TERMS: Final = 10_000
"""Terms of all different observables of a program: grouping them takes time that grows with their square."""

_MAX_ANNOTATIONS: Final = 64

_MAX_FACTOR: Final = 1e100
"""The largest factor of a Pauli string: errors add up its square, which must stay a finite number."""

_SHOWN: Final = 5
"""Faults that an error spells out; the others are counted."""

_WHOLE: Final = 2**53 - 1
_BITS = re.compile(r"[01]{1,4096}")
_PAULIS = re.compile(r"[IXYZ]{1,4096}")


def _parameter(value: Any) -> Any:  # JSON
    if isinstance(value, bool) or (isinstance(value, str) and _BITS.fullmatch(value)):
        return value
    if isinstance(value, int) and -_WHOLE <= value <= _WHOLE:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(f"{value!r:.40} is not a parameter: give a finite number, true, false, or bits such as '0101'")


def _terms(value: Any) -> Any:  # JSON
    terms = {value: 1.0} if isinstance(value, str) else value
    if not isinstance(terms, dict) or not terms:
        raise ValueError(
            f"{value!r:.40} is not an observable: give Paulis such as 'ZZ', or a sum such as {{'XI': 0.5}}"
        )
    if len(terms) > _MAX_NAMES:
        raise ValueError(
            f"it has {len(terms):,} terms and may have {_MAX_NAMES:,}: split the sum into several observables"
        )
    for paulis, factor in terms.items():
        if not isinstance(paulis, str) or not _PAULIS.fullmatch(paulis):
            raise ValueError(
                f"{paulis!r:.40} is not a Pauli string: write one of I, X, Y, Z for each qubit; "
                'a sum is JSON, such as {"XX": 1, "ZI": 0.5}'
            )
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not abs(factor) <= _MAX_FACTOR:
            raise ValueError(
                f"the factor of {paulis:.40} is {factor!r:.40}: give a finite real number, at most {_MAX_FACTOR:g}"
            )
    if len({len(paulis) for paulis in terms}) > 1:
        raise ValueError("its Pauli strings differ in length: write one letter for each qubit of the circuit")
    if not any(set(paulis) - {"I"} for paulis in terms):
        raise ValueError("it measures nothing: give at least one X, Y or Z")
    return terms


ParameterValue = Annotated[bool | int | float | str, BeforeValidator(_parameter)]
"""A number, a truth value, or the bits of a register as text, highest bit first."""

Observable = Annotated[
    dict[str, float], BeforeValidator(_terms, json_schema_input_type=str | dict[str, float]), Field(max_length=1_000)
]
"""A real sum of Pauli strings: `"ZZ"` is short for `{"ZZ": 1.0}`. The rightmost letter acts on the first qubit."""

Output = Literal["counts", "memory", "quasi"]
"""`counts` by bit string; `memory`, each shot in order; `quasi`, shares with their standard errors."""


class _Instruction(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(_Instruction):
    """One circuit with its parameters. It is sampled; with observables, their expectation values are estimated."""

    circuit: int = Field(default=0, ge=0, strict=True)
    """The number of the circuit in the program."""
    parameters: dict[str, ParameterValue] = Field(default={}, max_length=_MAX_NAMES)
    """A value for each `input` that the circuit declares."""
    observables: tuple[Observable, ...] = Field(default=(), max_length=_MAX_NAMES)
    """Estimated on the state before the circuit's final measurements, each group of compatible terms with the item's
    shots."""
    shots: int | None = Field(default=None, ge=1, le=_WHOLE, strict=True)
    """Of each run of this item; absent: those of the submission."""
    expected: Expected | None = None
    """What its counts must resemble; absent: any result passes."""


class Program(_Instruction):
    """Circuits, and the items that are run one after another, each run with the submission's shots or the item's."""

    program: Literal["v1"] = "v1"
    circuits: tuple[Payload, ...] = Field(min_length=1, max_length=MAX_CIRCUITS)
    items: tuple[Item, ...] = Field(min_length=1, max_length=MAX_ITEMS)
    outputs: tuple[Output, ...] = Field(default=("counts",), min_length=1, max_length=3)
    """The outputs of each item without observables."""
    compilation: CompileOptions | None = None
    """How all circuits are compiled; absent: as the backend chooses."""
    post: tuple[PostStep, ...] = Field(default=(), max_length=8)
    """What is computed from the counts after the run, in this order. The counts stay in the result."""
    annotations: dict[str, JsonValue] = Field(default={}, max_length=_MAX_ANNOTATIONS)
    """Notes of the client that built the program, such as how its results belong together. Services ignore them."""

    def content(self) -> bytes:
        """Return the stored form of the manifest: sorted names, no spaces, no defaults."""
        document = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return json.dumps({"program": self.program, **document}, sort_keys=True, separators=(",", ":")).encode()


class BadProgram(ValueError):
    """A manifest that cannot be run; the text lists every fault, or the first of many and how many there are."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        super().__init__("; ".join(faults[:_SHOWN]) + more)


def read_program(content: bytes) -> Program:
    """Read a manifest.

    Raises:
        BadProgram: it is no manifest, or asks for what cannot be; circuits themselves are not read here.
    """
    try:
        program = Program.model_validate_json(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        causes = {it["loc"][:length] for it in found for length in range(len(it["loc"]))}
        faults = [_placed(it["loc"], _plain(it["msg"])) for it in found if it["loc"] not in causes]
    else:
        faults = [*_faults(program)]
    if faults:
        raise BadProgram(_once(faults))
    return program


@dataclass(frozen=True, slots=True)
class _Fault:
    item: int | None
    """Which item has it, if one does."""
    text: str


def _once(faults: Iterable[_Fault]) -> list[str]:
    """A sentence for each fault: the items of a sweep have the same observables, and therefore the same faults."""
    items: dict[str, list[int]] = {}
    for fault in faults:
        items.setdefault(fault.text, []).extend([] if fault.item is None else [fault.item])
    return [f"{_named(numbers)}{text}" for text, numbers in items.items()]


def _named(items: Sequence[int]) -> str:
    if not items:
        return ""
    return f"item {items[0]}" + (f" and {len(items) - 1:,} more" if len(items) > 1 else "")


def _faults(program: Program) -> Iterator[_Fault]:
    yield from (_Fault(None, text) for text in post_faults(program.post))
    for number, circuit in enumerate(program.circuits):
        source = None if circuit.inline is None else circuit.inline.encode()
        if source is not None and (digest(source), len(source)) != (circuit.digest, circuit.size):
            text = f"circuit {number}: it is not what its digest and size say: compute both from its UTF-8 bytes"
            yield _Fault(None, text)
    for number, item in enumerate(program.items):
        if item.circuit >= len(program.circuits):
            yield _Fault(number, f": there is no circuit {item.circuit}: the program has {len(program.circuits):,}")
        if len({len(paulis) for observable in item.observables for paulis in observable}) > 1:
            yield _Fault(number, ": its observables differ in length: write one letter for each qubit of the circuit")
        if (terms := sum(map(len, item.observables))) > _MAX_TERMS:
            yield _Fault(number, f": its observables have {terms:,} terms and may have {_MAX_TERMS:,}")
        if item.expected is not None and (item.observables or "counts" not in program.outputs):
            yield _Fault(
                number, ": a reference is compared with counts, and the item has none: ask for the output counts"
            )
        if ZNE in program.post and not item.observables:
            yield _Fault(number, f": {ZNE} extrapolates expectation values, and it has no observables: give some")
    different = {json.dumps(item.observables): sum(map(len, item.observables)) for item in program.items}
    if (terms := sum(different.values())) > _MAX_DISTINCT_TERMS:
        text = f"its different observables have {terms:,} terms and may have {_MAX_DISTINCT_TERMS:,}: split the program"
        yield _Fault(None, text)


def _placed(location: tuple[int | str, ...], text: str) -> _Fault:
    """A fault with its place, as its author counts: `item 3, parameters theta: …`."""
    match location:
        case ("items", int(number), *rest):
            return _Fault(number, f"{_inside(rest)}: {text}")
        case ("circuits", int(number), *rest):
            return _Fault(None, f"circuit {number}{_inside(rest)}: {text}")
        case ():
            return _Fault(None, text)
        case _:
            return _Fault(None, f"{'.'.join(map(str, location))}: {text}")


def _inside(rest: Sequence[int | str]) -> str:
    return f", {' '.join(map(str, rest))}" if rest else ""


def _plain(message: str) -> str:
    plain = message.removeprefix("Value error, ").replace("Input should be", "must be").replace(" after validation", "")
    return re.sub(r"^\w+ should have", "must have", plain)
