"""Reads programs from files: batches, the bindings of a sweep, and what observables a person wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from queuebit.errors import InvalidInput
from queuebit.inputs import plain_json
from queuebit.named_circuits import NamedCircuit
from queuebit.programs import Batch, Item, Sweep

__all__ = ["BATCH", "program_of", "read_batch", "read_bindings", "read_reference"]

BATCH = ".json"
"""How the name of a file ends that holds a batch."""


def program_of(
    circuit: Path | str | bytes | NamedCircuit,
    *,
    bindings: Path | None = None,
    observables: Sequence[str] = (),
    outputs: Sequence[str] = (),
    reference: Mapping[str, float] | None = None,
    floor: float | None = None,
) -> object:
    """What is to be submitted: a circuit, a sweep over its inputs, a circuit with observables, or a batch.

    Args:
        circuit: a file of OpenQASM, QIR or Q#, or of a batch if its name ends with `BATCH`; or the source of a circuit;
            or a named one.
        bindings: a file as for `read_bindings`.
        observables: Pauli strings such as `ZZ`, or sums of them as JSON: `{"XI": 0.5, "ZZ": 1}`.
        outputs: as of `Sweep`.
        reference: of one circuit: as of `Item`.
        floor: likewise.

    Raises:
        InvalidInput: a file cannot be read, or the arguments do not go together.
    """
    wanted = [_observable(it) for it in observables]
    if isinstance(circuit, Path) and circuit.name.endswith(BATCH):
        if bindings or wanted or outputs or (reference, floor) != (None, None):
            raise InvalidInput(f"{circuit} is a batch: write parameters, observables, outputs and `expected` into it")
        return read_batch(circuit)
    if (reference, floor) != (None, None):
        if bindings or wanted or outputs:
            raise InvalidInput("a reference is compared with the counts of one circuit: leave out the other options")
        return Item(circuit, reference=reference, floor=floor)
    if bindings:
        return Sweep(circuit, read_bindings(bindings), wanted, outputs or ("counts",))
    if wanted or outputs:
        return Sweep(circuit, [{}], wanted, outputs or ("counts",))
    return circuit


def read_batch(path: Path) -> Batch:
    """Read a batch from a JSON file: `items` as in a program, with the names of files for circuits.

    Raises:
        InvalidInput: there is no such file, or it is no batch.
    """
    document = _json(path)
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise InvalidInput(f'{path} is not a batch: write {{"items": [{{"circuit": "a.qasm", "parameters": {{}}}}]}}')
    if unknown := document.keys() - {"items", "outputs"}:
        raise InvalidInput(f"{path} has the unknown field {sorted(unknown)[0]!r}: write items and outputs")
    items = [_item_of(path, number, item) for number, item in enumerate(document["items"])]
    return Batch(items, document.get("outputs", ("counts",)))


def read_bindings(path: Path) -> Sequence[Mapping[str, object]] | Mapping[str, Sequence[object]]:
    """Read the bindings of a sweep from a JSON file, as `Sweep.bindings` takes them.

    Raises:
        InvalidInput: there is no such file, or it holds no bindings.
    """
    document = _json(path)
    if isinstance(document, dict) and all(isinstance(it, list) for it in document.values()):
        return document
    if isinstance(document, list) and all(isinstance(it, dict) for it in document):
        return document
    raise InvalidInput(f'{path} holds no bindings: write {{"theta": [0, 0.1]}} or [{{"theta": 0}}, {{"theta": 0.1}}]')


def read_reference(path: Path) -> Mapping[str, float]:
    """Read outcomes and their weights from a JSON file, as `Item.reference` takes them.

    Raises:
        InvalidInput: there is no such file, or it holds no mapping.
    """
    document = _json(path)
    if not isinstance(document, dict):
        raise InvalidInput(f'{path} holds no reference: write {{"00": 1, "11": 1}}')
    return document


def _observable(text: str) -> object:
    if not text.startswith("{"):
        return text
    try:
        return plain_json(text)
    except ValueError as error:
        raise InvalidInput(f'the observable {text}: {error}: write ZZ, or {{"XI": 0.5, "ZZ": 1}}') from error


def _item_of(path: Path, number: int, item: object) -> Item:
    if not isinstance(item, dict) or not isinstance(item.get("circuit"), str):
        raise InvalidInput(f"{path}: item {number} names no circuit: write its file, such as 'a.qasm'")
    if unknown := item.keys() - {"circuit", "parameters", "observables", "shots", "expected"}:
        raise InvalidInput(f"{path}: item {number} has the unknown field {sorted(unknown)[0]!r}")
    expected = item.get("expected", {})
    if not isinstance(expected, dict) or expected.keys() - {"reference", "floor"}:
        raise InvalidInput(
            f'{path}: item {number}: write "expected": {{"reference": {{"00": 1, "11": 1}}, "floor": 0.9}}'
        )
    return Item(
        path.parent / item["circuit"],
        item.get("parameters"),
        item.get("observables", ()),
        item.get("shots"),
        expected.get("reference"),
        expected.get("floor"),
    )


def _json(path: Path) -> Any:  # plain JSON
    try:
        return plain_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
