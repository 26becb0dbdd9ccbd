"""Programs of several items: a batch of circuits, a parameter sweep, and expectation values of observables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from queuebit.errors import InvalidInput
from queuebit.inputs import whole_number
from queuebit.sources import read_program_source, read_source
from queuebit_planning.languages import is_qir, media_type_of
from queuebit_planning.limits import MAX_SOURCE_BYTES

if TYPE_CHECKING:
    from queuebit.payloads import Payloads
    from queuebit_contracts.program import Program

__all__ = ["Batch", "Draft", "Item", "Sweep", "asks_for_results", "content_of", "draft_of", "processing_of"]

_INLINE_BYTES = 256 * 1024
"""Source that a program carries itself; the circuits beyond it are stored one by one."""

_RESULT = re.compile(rb"^[ \t]*#?pragma[ \t]+braket[ \t]+result\b", re.MULTILINE)
"""A pragma that asks for results besides counts."""

_INPUT = re.compile(r"^input float\[64\] (\S+);$", re.MULTILINE)
"""How Qiskit's exporter declares a parameter."""


@dataclass(frozen=True, slots=True)
class Item:
    """A circuit with values for its inputs, and what to estimate on it."""

    circuit: object
    """As for `Client.submit`; Qiskit's may have free parameters, and with observables it need not measure."""
    parameters: Mapping[Any, Any] | None = None
    """Values by name: numbers, truth values, or the bits of a register as text; Qiskit's `Parameter` is a name too."""
    observables: Sequence[object] = ()
    """Pauli strings such as "ZZ", sums such as {"XI": 0.5, "ZZ": 1}, or Qiskit's `SparsePauliOp` and `Pauli`."""
    shots: int | None = None
    """Of each run of this item; default: those of the job."""
    reference: Mapping[str, float] | None = None
    """The outcomes that its counts are compared with, and their weights: shares, or counts of another run."""
    floor: float | None = None
    """The least Hellinger fidelity to the reference, from 0 to 1: a result below it does not pass its quality check."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Several circuits in one job; they run one after another, and each succeeds or fails alone."""

    items: Sequence[object]
    """Circuits, or `Item`s."""
    outputs: Sequence[str] = ("counts",)
    """Any of `counts`, `memory` and `quasi`, for each item without observables."""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON that is stored with the program and that no service reads, such as how its results belong together."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One circuit with many bindings of its inputs, in one job."""

    circuit: object
    bindings: Sequence[Mapping[Any, Any]] | Mapping[Any, Iterable[Any]]
    """A mapping for each run, or for each input the values of all runs: `{"theta": [0, 0.1, 0.2]}`."""
    observables: Sequence[object] = ()
    outputs: Sequence[str] = ("counts",)


@dataclass(frozen=True, slots=True)
class Draft:
    """A program whose circuits are not stored yet."""

    sources: tuple[bytes, ...]
    """Each different circuit once."""
    items: tuple[dict[str, object], ...]
    outputs: tuple[str, ...]
    annotations: Mapping[str, Any] = field(default_factory=dict)
    processing: Mapping[str, Any] = field(default_factory=dict)
    """The fields `compilation` and `post` of the program, as far as they were given."""

    def program(self, circuits: Sequence[object]) -> Program:
        """The manifest, with a payload for each source; raises `InvalidInput` with every fault."""
        from queuebit_contracts.program import BadProgram, read_program

        document = {
            "program": "v1",
            "circuits": [*circuits],
            "items": [*self.items],
            "outputs": [*self.outputs],
            "annotations": {**self.annotations},
            **self.processing,
        }
        try:
            return read_program(json.dumps(document).encode())
        except BadProgram as error:
            raise InvalidInput(f"the program cannot be sent: {error}") from error


def asks_for_results(source: bytes) -> bool:
    """Whether pragmas of a source ask for results besides counts: then it is sent as an item of a program."""
    return not is_qir(source) and _RESULT.search(source) is not None


def processing_of(compilation: Mapping[str, Any] | None, post: Sequence[str]) -> dict[str, Any]:
    """How circuits are compiled and counts processed, as fields of a program; none that was not given.

    Raises:
        InvalidInput: the steps are a text.
    """
    if isinstance(post, str):
        raise InvalidInput(f"post is a list of steps, such as [{post!r}]")
    given = {"compilation": dict(compilation or {}), "post": [*post]}
    return {name: value for name, value in given.items() if value}


def draft_of(
    circuit: object,
    parameters: Mapping[Any, Any] | None,
    observables: Sequence[object],
    outputs: Sequence[str] | None,
    processing: Mapping[str, Any] | None = None,
    reference: Mapping[str, float] | None = None,
    floor: float | None = None,
) -> Draft | None:
    """What `Client.submit` was given, as a program; nothing for a single circuit that is only counted.

    Raises:
        InvalidInput: a circuit, a value or an observable cannot be sent.
    """
    if isinstance(circuit, Batch | Sweep):
        if parameters or observables or outputs or (reference, floor) != (None, None):
            kind = type(circuit).__name__
            raise InvalidInput(
                f"a {kind} has its own parameters, observables, outputs and references: give them to {kind}(...)"
            )
        draft = replace(_draft(_items(circuit), circuit.outputs), processing=processing or {})
        return replace(draft, annotations=circuit.annotations) if isinstance(circuit, Batch) else draft
    given = parameters or observables or outputs or processing or (reference, floor) != (None, None)
    if isinstance(circuit, Item) or given:
        own = Item(circuit, parameters, observables, reference=reference, floor=floor)
        item = circuit if isinstance(circuit, Item) else own
        return replace(_draft([item], outputs or ("counts",)), processing=processing or {})
    return None


async def content_of(
    payloads: Payloads,
    circuit: object,
    parameters: Mapping[Any, Any] | None = None,
    observables: Sequence[object] = (),
    outputs: Sequence[str] | None = None,
    processing: Mapping[str, Any] | None = None,
    reference: Mapping[str, float] | None = None,
    floor: float | None = None,
) -> tuple[bytes, str]:
    """What is sent for a circuit or a program, and its media type.

    Circuits that a program cannot carry itself are stored first. Raises `InvalidInput` as `draft_of`.
    """
    from queuebit_contracts.program import PROGRAM
    from queuebit_runtime.payloads import describe

    draft = draft_of(circuit, parameters, observables, outputs, processing, reference, floor)
    if draft is None:
        source = read_source(circuit)
        if not asks_for_results(source):
            return source, media_type_of(source)
        draft = _draft([Item(source.decode())], ("counts",))  # results of pragmas are those of a program's item
    circuits, room = [], _INLINE_BYTES
    for source in draft.sources:
        carried = describe(source, media_type_of(source))
        if carried.inline is not None and len(source) <= room:
            circuits.append(carried)
            room -= len(source)
        else:
            circuits.append(await payloads.store(source, carried.media_type))
    manifest = draft.program([it.model_dump(mode="json", exclude_none=True) for it in circuits]).content()
    if len(manifest) > MAX_SOURCE_BYTES:
        raise InvalidInput(f"the program has {len(manifest):,} bytes, and the largest taken is 1 MiB: split it")
    return manifest, PROGRAM


def _items(program: Batch | Sweep) -> Iterator[Item]:
    if isinstance(program, Batch):
        for it in program.items:
            yield it if isinstance(it, Item) else Item(it)
        return
    for binding in _bindings(program.bindings):
        yield Item(program.circuit, binding, program.observables)


def _bindings(given: Sequence[Mapping[Any, Any]] | Mapping[Any, Iterable[Any]]) -> Iterable[Mapping[Any, Any]]:
    if not isinstance(given, Mapping):
        return given
    columns = {name: list(values) for name, values in given.items()}
    if len({len(values) for values in columns.values()}) > 1:
        counts = ", ".join(f"{name} has {len(values)}" for name, values in columns.items())
        raise InvalidInput(f"the inputs of a sweep have different numbers of values ({counts}): give as many for each")
    return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def _draft(items: Iterable[Item], outputs: Sequence[str]) -> Draft:
    sources: dict[bytes, int] = {}
    read: dict[tuple[int, bool], tuple[int, dict[str, str]]] = {}
    kept: list[object] = []  # a circuit that nothing holds could leave its id to the next
    documents = []
    for item in items:
        key = id(item.circuit), not item.observables
        if key not in read:
            kept.append(item.circuit)
            content = read_program_source(item.circuit, measured=not item.observables)
            read[key] = sources.setdefault(content, len(sources)), _names(item.circuit, content)
        number, names = read[key]
        documents.append(_document(item, number, names))
    if not documents:
        raise InvalidInput("the program has no items: give at least one circuit, or one binding")
    if isinstance(outputs, str):
        raise InvalidInput(f"outputs are a list, such as [{outputs!r}]")
    return Draft((*sources,), (*documents,), (*outputs,))


def _document(item: Item, circuit: int, names: Mapping[str, str]) -> dict[str, object]:
    parameters = {names.get(str(name), str(name)): _plain(value) for name, value in (item.parameters or {}).items()}
    if isinstance(item.observables, str | Mapping):
        raise InvalidInput(f"observables are a list, such as [{item.observables!r:.40}]")
    return {
        "circuit": circuit,
        "parameters": parameters,
        "observables": [_observable(it) for it in item.observables],
        **({} if item.shots is None else {"shots": whole_number("shots of an item", item.shots, 1)}),
        **_expected(item),
    }


def _expected(item: Item) -> dict[str, object]:
    if (item.reference is None) != (item.floor is None):
        raise InvalidInput("a reference needs a floor, and a floor a reference: give both")
    if item.reference is None or item.floor is None:
        return {}
    reference = {str(outcome): _plain(weight) for outcome, weight in item.reference.items()}
    return {"expected": {"reference": reference, "floor": float(item.floor)}}


def _names(circuit: object, content: bytes) -> dict[str, str]:
    """Return the names of parameters in Qiskit's export, which replaces characters that OpenQASM does not allow."""
    parameters = getattr(circuit, "parameters", ())
    if is_qir(content):
        return {}
    return dict(zip((str(it) for it in parameters), _INPUT.findall(content.decode()), strict=False))


def _plain(value: Any) -> object:  # NumPy's numbers are not subclasses of Python's
    return value.item() if hasattr(value, "item") else value


def _observable(given: Any) -> object:  # Qiskit's operators, which are not imported here
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping):
        return {str(paulis): _real(factor) for paulis, factor in given.items()}
    if hasattr(given, "to_list"):
        terms: dict[str, float] = {}
        for paulis, factor in given.to_list():
            terms[paulis] = terms.get(paulis, 0.0) + _real(factor)
        return terms
    if hasattr(given, "to_label"):
        return str(given.to_label())
    raise InvalidInput(f"a value of type {type(given).__name__} is not an observable: give 'ZZ' or {{'XI': 0.5}}")


def _real(factor: Any) -> float:  # any type of number
    number = _plain(factor)
    if isinstance(number, complex) and number.imag == 0:
        number = number.real
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidInput(f"the factor {factor!r:.40} of an observable is not a real number")
    return float(number)
