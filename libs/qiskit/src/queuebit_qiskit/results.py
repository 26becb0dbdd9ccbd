"""Circuits of `backend.run` as items of a program, and Qiskit's result of them. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex

from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit.transpiler import Target

from queuebit import InvalidInput, Item, ItemResult
from queuebit.inputs import whole_number
from queuebit_qiskit.circuits import sources_of
from queuebit_qiskit.notes import metadata_of

__all__ = ["circuit_items", "circuits_result"]


def circuit_items(
    circuits: Sequence[QuantumCircuit], shots: SupportsIndex, native: Target | None = None
) -> tuple[list[Item], list[dict[str, Any]]]:
    """Return an item and a note for each circuit.

    Raises:
        InvalidInput: a circuit or the number of shots cannot be sent.
    """
    items, notes, number = [], [], whole_number("shots", shots, 1)
    sources = sources_of(circuits, measured=True, native=native)
    for circuit, source in zip(circuits, sources, strict=True):
        if source.inputs:
            raise InvalidInput(f"circuit {circuit.name!r} has free parameters: bind them, or use SamplerV2")
        items.append(Item(source.text, shots=number))
        registers = [[*register] for register in source.registers]
        notes.append({"name": circuit.name, "registers": registers, "shots": number, "metadata": metadata_of(circuit)})
    return items, notes


def circuits_result(job: str, backend: str, notes: Sequence[Mapping[str, Any]], items: Sequence[ItemResult]) -> Result:
    """Return Qiskit's result; a circuit that failed says why in its status."""
    results = [_experiment(note, item) for note, item in zip(notes, items, strict=True)]
    return Result.from_dict(
        {
            "backend_name": backend,
            "backend_version": "1",
            "job_id": job,
            "success": all(it["success"] for it in results),
            "results": results,
        }
    )


def _experiment(note: Mapping[str, Any], item: ItemResult) -> dict[str, Any]:
    registers = note["registers"]
    data: dict[str, Any] = {}
    if item.counts is not None:
        data["counts"] = {_hexadecimal(bits): count for bits, count in item.counts.items()}
    if item.memory is not None:
        data["memory"] = [_hexadecimal(bits) for bits in item.memory]
    return {
        "shots": note["shots"],
        "success": item.state == "completed",
        "status": "DONE" if item.reason is None else item.reason.text,
        "data": data,
        "header": {
            "name": note["name"],
            "creg_sizes": registers,
            "memory_slots": sum(width for _, width in registers),
            "metadata": note["metadata"],
        },
    }


def _hexadecimal(bits: str) -> str:
    return hex(int(bits.replace(" ", ""), 2))
