"""Pubs of a sampler as items of a program, and their results as Qiskit's. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.primitives import BitArray, DataBin, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.transpiler import Target

from queuebit import InvalidInput, Item, ItemResult
from queuebit_qiskit.circuits import runs_of, sources_of
from queuebit_qiskit.notes import metadata_of

__all__ = ["SHOT_ORDER", "sampler_items", "sampler_result"]

SHOT_ORDER = "not recorded"
"""Counts have no order: shots are listed by outcome. Registers of one shot still belong together."""


def sampler_items(pubs: Sequence[SamplerPub], native: Target | None = None) -> tuple[list[Item], list[dict[str, Any]]]:
    """Return an item for each parameter set of each pub, and a note for each pub from which `sampler_result` reads.

    Raises:
        InvalidInput: a circuit cannot be sent.
    """
    items, notes = [], []
    sources = sources_of([pub.circuit for pub in pubs], measured=True, native=native)
    for pub, source in zip(pubs, sources, strict=True):
        _require_names(source.registers)
        shots = int(pub.shots)
        runs = runs_of(pub.circuit, pub.parameter_values, source, measured=True, native=native)
        items += [Item(text, values, shots=shots) for text, values in runs]
        notes.append(
            {
                "shape": [*pub.shape],
                "registers": [[*register] for register in source.registers],
                "shots": shots,
                "metadata": metadata_of(pub.circuit),
            }
        )
    return items, notes


def sampler_result(note: Mapping[str, Any], items: Iterator[ItemResult]) -> SamplerPubResult:
    """Return the result of one pub, from the items that follow."""
    shape, shots, registers = tuple(note["shape"]), note["shots"], note["registers"]
    joint = [_joint(next(items)) for _ in range(int(np.prod(shape, dtype=int)))]
    data, offset = {}, 0
    for name, width in registers:
        rows = [_rows(values, counts, offset, width) for values, counts in joint]
        array = np.stack(rows) if rows else np.zeros((0, shots, -(-width // 8)), np.uint8)
        data[name] = BitArray(array.reshape(*shape, *array.shape[-2:]), width)
        offset += width
    metadata = {"shots": shots, "shot_order": SHOT_ORDER, "circuit_metadata": note["metadata"]}
    return SamplerPubResult(DataBin(**data, shape=shape), metadata)


def _require_names(registers: Sequence[tuple[str, int]]) -> None:
    """Raise `InvalidInput` for a name that Qiskit's results keep for themselves, such as `shape`."""
    for name, _ in registers:
        try:
            DataBin(**{name: None}, shape=())
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"Qiskit's results cannot hold a register named {name!r}: rename it") from error


def _joint(item: ItemResult) -> tuple[list[int], list[int]]:
    """The outcomes over all registers, ascending, with their counts; bit 0 is the first bit of the first register."""
    counts = sorted((int(bits.replace(" ", ""), 2), count) for bits, count in (item.counts or {}).items())
    return [value for value, _ in counts], [count for _, count in counts]


def _rows(values: Sequence[int], counts: Sequence[int], offset: int, width: int) -> npt.NDArray[np.uint8]:
    """The bits of one register in each shot, packed as in `BitArray`: most significant byte first."""
    size, mask = -(-width // 8), (1 << width) - 1
    packed = b"".join(((value >> offset) & mask).to_bytes(size, "big") for value in values)
    return np.repeat(np.frombuffer(packed, np.uint8).reshape(len(values), size), counts, axis=0)
