"""Payloads of QRMI's Sampler as programs, and results of programs in the two forms in which its callers read them.

The payload is IBM's schema of `SamplerV2`: pubs of OpenQASM 3, with values of parameters and shots. The values of a pub
are an array whose last axis has one value for each `input`, in the order of their declarations.
"""

from __future__ import annotations

import base64
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Final

from pydantic import Field, JsonValue, ValidationError

from queuebit.records import ItemResult
from queuebit_contracts.program import CIRCUIT, MAX_CIRCUITS, MAX_ITEMS, Item, Program
from queuebit_gateway.bodies import Body, validated
from queuebit_gateway.problems import Problem
from queuebit_runtime.payloads import describe

__all__ = ["NOTE", "SamplerParams", "program_of", "results_of"]

NOTE: Final = "qrmi"
"""The annotation of a program that says how its items are the results of pubs."""

_USUAL_SHOTS: Final = 4096
_SIZE: Final = r"\[ ?([^\[\];]{0,40}?) ?\]"
_BITS: Final = re.compile(rf"\bbit(?: ?{_SIZE} ?| )(\w{{1,200}}) ?[;=]|\bcreg (\w{{1,200}}) ?(?:{_SIZE})? ?;")
_INPUT: Final = re.compile(r"\binput (?:float|angle)(?: ?\[[^\]]{0,40}\] ?| )(\w{1,200}) ?;")
_COMMENT: Final = re.compile(r"//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/|\Z)")
"""All of these take time that grows with the length of a source, whatever is in it."""

_MOST_INPUTS: Final = 1_000
_MOST_AXES: Final = 64
_LARGEST: Final = 2**53 - 1
"""The largest integer that all readers of JSON take for what it is."""

_Shots = Annotated[int, Field(ge=1, lt=2**53, strict=True)]


class SamplerParams(Body):
    """The `params` of a job of the program `sampler`."""

    pubs: tuple[Any, ...] = Field(min_length=1, max_length=MAX_CIRCUITS)
    """Each a source, or a list of source, values of its parameters, and shots."""
    shots: _Shots | None = None
    options: dict[str, Any] = Field(default={})
    version: int = 2
    support_qiskit: bool = True
    """Whether the result is in the form that Qiskit's classes are made of, or in plain JSON."""


class _Pub(Body):
    registers: tuple[tuple[str, Annotated[int, Field(ge=1, le=_LARGEST)]], ...]
    """Name and size of each classical register, in the order of their declarations."""
    shape: tuple[Annotated[int, Field(ge=1, le=MAX_ITEMS)], ...] = Field(max_length=_MOST_AXES)
    """Of its sets of values."""


class _Note(Body):
    """The annotation of a program. Any client can write one, and so it is checked as a request is."""

    typed: bool
    pubs: tuple[_Pub, ...] = Field(min_length=1, max_length=MAX_CIRCUITS)


def program_of(given: object) -> Program:
    """The program that a payload of the Sampler asks for: an item for each set of values.

    Raises:
        Problem: it asks for something that does not exist here; nothing is ignored but the limit of time.
    """
    asked = validated(SamplerParams, given)
    if asked.version != 2:
        raise _refused("version", f"version {asked.version} of the Sampler is not known", "send version 2")
    options = {name: it for name, it in asked.options.items() if it not in (None, {}, []) and name != "default_shots"}
    if options:
        step = "leave them out: backends compile and run circuits as they are, without mitigation"
        raise _refused("options", f"there are no options {', '.join(sorted(options))}", step)
    usual = asked.shots or asked.options.get("default_shots") or _USUAL_SHOTS
    sources: dict[str, int] = {}
    items: list[Item] = []
    notes: list[JsonValue] = []
    for number, pub in enumerate(asked.pubs):
        source, values, shots = _parts(number, pub)
        plain = " ".join(_COMMENT.sub(" ", source).split())
        inputs = _INPUT.findall(plain)
        if len(inputs) > _MOST_INPUTS:
            text = f"pub {number} has {len(inputs):,} inputs and may have {_MOST_INPUTS:,}"
            raise _refused("inputs", text, "write some of the values into the circuit")
        shape, sets = _bindings(number, values, inputs)
        if len(items) + len(sets) > MAX_ITEMS:
            text = f"there are more than {MAX_ITEMS:,} sets of values"
            raise _refused("pubs", text, "send them in several jobs")
        place = sources.setdefault(source, len(sources))
        items += [
            Item(circuit=place, parameters=it, shots=_whole(number, usual if shots is None else shots)) for it in sets
        ]
        notes.append({"registers": [[*it] for it in _registers(number, plain)], "shape": [*shape]})
    circuits = tuple(describe(it.encode(), CIRCUIT) for it in sources)
    note: JsonValue = {"typed": asked.support_qiskit, "pubs": notes}
    return Program(circuits=circuits, items=tuple(items), outputs=("memory",), annotations={NOTE: note})


def _parts(number: int, pub: object) -> tuple[str, Any, Any]:  # JSON
    source, values, shots = pub if isinstance(pub, str) else None, None, None
    if isinstance(pub, list) and 1 <= len(pub) <= 3:
        source, values, shots = (*pub, None, None)[:3]
    if not isinstance(source, str):
        text = f"pub {number} is no source in OpenQASM 3, or a list of source, values and shots"
        raise _refused("pubs", text, "write the circuit as OpenQASM 3: QPY is not read here")
    return source, values, shots


def _whole(number: int, shots: object) -> int:
    if isinstance(shots, bool) or not isinstance(shots, int) or not 1 <= shots < 2**53:
        raise _refused("shots", f"pub {number}: shots is a whole number of at least 1", "give each pub its shots")
    return shots


def _registers(number: int, source: str) -> list[tuple[str, int]]:
    """The classical registers of a source with their sizes, in the order of their declarations."""
    found = [(name or creg, size or creg_size or "1") for size, name, creg, creg_size in _BITS.findall(source)]
    if not found or not all(size.isascii() and size.isdigit() for _, size in found):
        text = f"pub {number} has no classical registers whose sizes are numbers"
        raise _refused("registers", text, "declare them, such as `bit[2] c;`, and measure into them")
    return [(name, int(size)) for name, size in found]


def _bindings(
    number: int, values: Any, inputs: Sequence[str]
) -> tuple[tuple[int, ...], list[dict[str, float]]]:  # JSON
    """The shape of the values of a pub, and each set of them by name."""
    if not inputs and values in (None, [], {}):
        return (), [{}]
    if isinstance(values, dict):
        if {*values} != {*inputs}:
            raise _refused(
                "values", f"pub {number} has the inputs {', '.join(inputs)}", "give a value for each, by name"
            )
        columns = [_array(number, values[it]) for it in inputs]
        if len({shape for shape, _ in columns}) != 1:
            raise _refused("values", f"pub {number}: its values differ in shape", "give arrays of one shape")
        return columns[0][0], [
            dict(zip(inputs, row, strict=True)) for row in zip(*(it for _, it in columns), strict=True)
        ]
    shape, flat = _array(number, values)
    if not inputs or not shape or shape[-1] != len(inputs):
        text = f"pub {number}: the last axis of its values has not one for each of its {len(inputs)} inputs"
        raise _refused("values", text, f"give {', '.join(inputs) or 'none'}, in this order")
    rows = [flat[at : at + len(inputs)] for at in range(0, len(flat), len(inputs))]
    return shape[:-1], [dict(zip(inputs, row, strict=True)) for row in rows]


def _array(number: int, values: Any) -> tuple[tuple[int, ...], list[float]]:  # JSON
    """The shape and the numbers of nested lists, the last axis fastest."""
    if _is_number(values):
        return (), [values]
    if isinstance(values, list) and values:
        parts = [_array(number, it) for it in values]
        if len({shape for shape, _ in parts}) == 1:
            return (len(parts), *parts[0][0]), [it for _, flat in parts for it in flat]
    raise _refused(
        "values", f"pub {number}: its values are no array of finite numbers", "give nested lists of one shape"
    )


def _is_number(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= _LARGEST
    return isinstance(value, float) and math.isfinite(value)


def results_of(note: Mapping[str, Any], items: Sequence[ItemResult]) -> dict[str, object]:
    """The results of a job: the shots of each pub, by register.

    Args:
        note: the annotation that `program_of` made.
        items: the results of its items, all completed and with `memory`.

    Raises:
        Problem: the annotation is not one of `program_of` for these items, or the registers of a circuit are not those
            that its source declares.
    """
    read = _read_note(note, len(items))
    left, found = iter(items), []
    for pub in read.pubs:
        own = [it.memory or () for it in islice(left, math.prod(pub.shape))]
        found.append((pub.shape, dict(_by_register(pub.registers, own))))
    return _typed(found) if read.typed else _plain(found)


def _read_note(note: Mapping[str, Any], items: int) -> _Note:
    try:
        found = _Note.model_validate(note)
    except ValidationError:
        found = None
    if found is None or sum(math.prod(it.shape) for it in found.pubs) != items:
        text = "the annotation of the program does not say how its items are results of pubs"
        raise Problem(409, "other_job", text, "read it with `qb job result`")
    return found


_Samples = list[list[int]]
"""Of each set of values, the value of each shot."""
_Registers = dict[str, tuple[int, _Samples]]


def _by_register(
    registers: Sequence[tuple[str, int]], sets: Sequence[Sequence[str]]
) -> Iterator[tuple[str, tuple[int, _Samples]]]:
    split = [[shot.split(" ")[::-1] for shot in shots] for shots in sets]
    sizes = [size for _, size in registers]
    if any([len(it) for it in shot] != sizes for shots in split for shot in shots):
        text = "the circuit has other registers than `bit[n] name;` and `creg name[n];` declare in its source"
        raise Problem(409, "other_registers", text, "read the result with `qb job result`")
    for place, (name, size) in enumerate(registers):
        yield name, (size, [[int(shot[place], 2) for shot in shots] for shots in split])


def _plain(found: Sequence[tuple[tuple[int, ...], _Registers]]) -> dict[str, object]:
    results: list[object] = []
    for shape, registers in found:
        data = {
            name: {"samples": _nested([[hex(it) for it in shots] for shots in sets], shape), "num_bits": size}
            for name, (size, sets) in registers.items()
        }
        results.append({"data": data, "metadata": {}})
    return {"results": results, "metadata": {"version": 2}}


def _nested(rows: list[Any], shape: Sequence[int]) -> Any:  # JSON
    for length in reversed(shape[1:]):
        rows = [rows[at : at + length] for at in range(0, len(rows), length)]
    return rows if shape else rows[0]


def _typed(found: Sequence[tuple[tuple[int, ...], _Registers]]) -> dict[str, object]:
    """The form of `qiskit_ibm_runtime.RuntimeDecoder`."""
    results = []
    for shape, registers in found:
        fields = {name: _bit_array(shape, size, sets) for name, (size, sets) in registers.items()}
        data = _as("DataBin", {"field_names": [*fields], "shape": [*shape], "fields": fields})
        results.append(_as("SamplerPubResult", {"data": data, "metadata": {}}))
    return _as("PrimitiveResult", {"pub_results": results, "metadata": {"version": 2}})


def _bit_array(shape: tuple[int, ...], size: int, sets: _Samples) -> dict[str, object]:
    """Bytes of each shot, the highest first, as an array of NumPy in its format 1.0 (NEP 1)."""
    width = -(-size // 8)
    content = b"".join(it.to_bytes(width) for shots in sets for it in shots)
    axes = ", ".join(map(str, (*shape, len(sets[0]), width)))
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({axes}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    stored = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + content
    array = _as("ndarray", base64.b64encode(zlib.compress(stored)).decode())
    return _as("BitArray", {"array": array, "num_bits": size})


def _as(kind: str, value: object) -> dict[str, object]:
    return {"__type__": kind, "__value__": value}


def _refused(code: str, text: str, step: str) -> Problem:
    return Problem(422, f"bad_{code}", text, step)
