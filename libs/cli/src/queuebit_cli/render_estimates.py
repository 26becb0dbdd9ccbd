"""Estimates of resources as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from queuebit_cli.tables import Row

if TYPE_CHECKING:
    from queuebit_cli.estimates import Estimates

__all__ = ["documents", "duration", "remarks", "rows"]

_UNITS = (
    (86_400 * 10**9, "days"),
    (3_600 * 10**9, "h"),
    (60 * 10**9, "min"),
    (10**9, "s"),
    (10**6, "ms"),
    (10**3, "µs"),
    (1, "ns"),
)


def documents(found: Estimates) -> Iterator[dict[str, object]]:
    """One document: the logical counts, and an estimate for each model."""
    models = [{name: value for name, value in asdict(it).items() if value is not None} for it in found.of_models]
    yield {"counts": asdict(found.counts), "estimates": models}


def rows(found: Estimates) -> list[Row]:
    """A row for each model."""
    return [
        {
            "model": it.model,
            "physical qubits": f"{it.physical_qubits:,}" if it.failure is None else "",
            "run time": duration(it.runtime_ns) if it.failure is None else "",
            "code distance": it.code_distance or "",
            "T states": f"{it.t_states:,}" if it.failure is None else "",
            "T factories": f"{it.t_factories:,}" if it.failure is None else "",
            "code": it.code,
            "reason": it.failure or "",
        }
        for it in found.of_models
    ]


def remarks(found: Estimates, budget: float) -> Iterator[str]:
    """What the table rests on."""
    it = found.counts
    yield (
        f"{it.qubits:,} logical qubits, {it.t_gates:,} T gates, rotations: {it.rotations:,} in "
        f"{it.rotation_depth:,} layer(s), {it.ccz_gates:,} CCZ or CCX, {it.measurements:,} measurements; "
        f"it fails with a probability of at most {budget:g}"
    )


def duration(nanoseconds: int) -> str:
    """A time with three digits, in the largest unit of which there is at least one."""
    size, unit = next((it for it in _UNITS if nanoseconds >= it[0]), _UNITS[-1])
    return f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 1000 * size else f"{nanoseconds // size:,} {unit}"
