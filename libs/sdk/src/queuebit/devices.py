"""What a backend offers, and its newest calibration, as its executor announced them in the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from queuebit.errors import NotFound
from queuebit.log_client import LogClient
from queuebit.payloads import Payloads
from queuebit_contracts import subjects
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered

__all__ = ["Device", "read_device"]


@dataclass(frozen=True, slots=True)
class Device:
    """A backend with its newest calibration."""

    name: str
    kind: str
    """`simulator`, `emulated` or `qpu`."""
    vendor: str
    qubits: int
    max_shots: int
    gates: tuple[str, ...]
    features: tuple[str, ...]
    """Features of dynamic circuits, such as `reset` or `conditional`."""
    calibration: Mapping[str, Any] | None = field(default=None, repr=False)
    """The snapshot: `qubits`, `couplers`, `errors` and `durations` (by gate and qubits such as "0 1"), `dt_s`; None for
    ideal simulators. Times are in seconds."""
    calibrated_at: datetime | None = None
    digest: str | None = None
    """Of the calibration; results and receipts name the same digest."""


async def read_device(log: LogClient, platform: Payloads, name: str) -> Device:
    """Read a backend from the log.

    Args:
        log: the tenant's view of it.
        platform: the platform's own part of the payload store.
        name: of the backend.

    Raises:
        NotFound: no executor ever offered it.
    """
    aggregate = subjects.backend(name)
    found = await log.last(aggregate.event("registered"))
    if found is None or not isinstance(found.event, BackendRegistered):
        raise NotFound(f"there is no backend {name}: `qb backends` lists backends")
    it = found.event.data
    device = Device(it.backend, it.kind, it.vendor, it.qubits, it.max_shots, it.gates, it.features)
    newest = await log.last(aggregate.event("calibrated"))
    if newest is None or not isinstance(newest.event, BackendCalibrated):
        return device
    calibrated = newest.event.data
    return replace(
        device,
        calibration=json.loads(await platform.get(calibrated.snapshot)),
        calibrated_at=calibrated.calibrated_at,
        digest=calibrated.digest,
    )
