"""The devices and circuits of the laboratory: real snapshots, and circuits compiled once for each of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from queuebit_planning.fidelity import Errors, Operation, esp_ppm
from queuebit_planning.timing import device_us

__all__ = ["CIRCUITS", "Compiled", "Device", "circuit_names", "devices"]

_PERTH = "perth"
CIRCUITS = "devices.json.gz"
"""The file; `tests/lab/extract.py` makes it, and its first field names its sources."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A circuit on a device."""

    esp_ppm: tuple[int, ...]
    """Estimated success probability in parts per million, for each day of calibrations; one value if there is one."""
    duration_ns: int
    rep_delay_ns: int
    overhead_ns: int

    def on_day(self, day: int) -> int:
        """Return the estimated success probability of a day; days start again after the last calibration."""
        return self.esp_ppm[day % len(self.esp_ppm)]

    def run_us(self, shots: int) -> int:
        """Return the device time of a run in microseconds, as a plan of the platform forecasts it."""
        return device_us(shots, self.duration_ns, self.rep_delay_ns, self.overhead_ns)


@dataclass(frozen=True, slots=True)
class Device:
    """One machine, as its snapshot describes it."""

    name: str
    qubits: int
    calibrated_at: str
    circuits: tuple[Compiled | None, ...]
    """By circuit; None if it does not fit."""


@cache
def circuit_names() -> tuple[str, ...]:
    """Return the circuits: an algorithm of MQT Bench, and its number of qubits."""
    return tuple(_document()["circuits"])


@cache
def devices() -> Mapping[str, Device]:
    """Return all devices by name; that of ibm_perth has a calibration for each of 120 days."""
    document = _document()
    days = [_errors(it["errors"]) for it in document["perth"]]
    return {
        it["name"]: _device(it, days if it["name"] == _PERTH else [_errors(it["errors"])]) for it in document["devices"]
    }


def _device(row: Mapping[str, Any], days: list[Errors]) -> Device:  # plain JSON
    circuits = tuple(None if it is None else _compiled(it, days) for it in row["circuits"])
    return Device(row["name"], row["qubits"], row["calibrated_at"], circuits)


def _compiled(row: Mapping[str, Any], days: list[Errors]) -> Compiled:  # plain JSON
    operations = [Operation(gate, _qubits(on), times) for gate, on, times in row["operations"]]
    return Compiled(tuple(esp_ppm(operations, errors) for errors in days), *row["ns"])


def _errors(gates: Mapping[str, Mapping[str, float]]) -> Errors:
    return {(gate, _qubits(on)): error for gate, known in gates.items() for on, error in known.items()}


def _qubits(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


@cache
def _document() -> dict[str, Any]:  # plain JSON
    content = resources.files("queuebit_lab").joinpath("data", CIRCUITS).read_bytes()
    found: dict[str, Any] = json.loads(gzip.decompress(content))
    return found
