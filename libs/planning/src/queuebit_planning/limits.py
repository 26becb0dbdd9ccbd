"""Limits of one job that several services share."""

from __future__ import annotations

from typing import Final

from queuebit_contracts.program import MAX_CIRCUITS, MAX_ITEMS

__all__ = [
    "MAX_BUSY_US",
    "MAX_CARRIED_BYTES",
    "MAX_CIRCUITS",
    "MAX_ITEMS",
    "MAX_SOURCE_BYTES",
    "SERIAL_QUBITS",
    "TRANSIENT",
    "run_limit_s",
    "state_bytes",
]

MAX_SOURCE_BYTES: Final = 1 << 20
"""The longest source, in UTF-8 bytes. The client checks it before it sends, the broker before it profiles, and the
parser before it parses."""

MAX_CARRIED_BYTES: Final = 4_096
"""The largest program, in bytes, that `accepted` and `placed` contain. Executors read larger programs from the payload
store or the submission."""

MAX_BUSY_US: Final = 24 * 3_600 * 1_000_000
"""The longest estimated time, in microseconds, that one job may occupy a backend: a day. With this limit, readers with
IEEE 754 doubles read all numbers of a quote exactly."""

SERIAL_QUBITS: Final = 16
"""Up to this number of qubits, a simulation uses one thread: several of them side by side use the cores better."""

TRANSIENT: Final = frozenset({"profile_timeout", "run_timeout", "out_of_memory", "crashed"})
"""Codes of refusals with temporary causes, such as a busy machine. Answers with these codes are not cached for long."""

_RESERVED_MB: Final = 256
"""Memory of a child for parsing, compiling and counts, in MiB. The state may use the rest."""

_LEEWAY: Final = 4
"""A run may take this multiple of the time that its hold pays for, because the machine may be busy."""

_MIN_RUN_S: Final = 10.0
"""No run is stopped earlier, because the start of a run may take longer than a small circuit."""


def state_bytes(memory_mb: int) -> int:
    """Return the largest state of a simulation, in bytes, in a child with `memory_mb` MiB."""
    return max(0, memory_mb - _RESERVED_MB) << 20


def run_limit_s(kind: str, budget_us: int, max_s: float) -> float:
    """Return the time limit of a run, in seconds.

    On a simulator it follows from the time that the hold of the job pays for, so that a cheap job cannot occupy it for
    long. A hold on a device pays for device time, not for the time of its emulation: there `max_s` applies.

    Args:
        kind: the kind of the backend in its registration.
        budget_us: the time that the hold pays for, in microseconds.
        max_s: the longest time of any run on this executor, in seconds.
    """
    if kind != "simulator":
        return max_s
    return min(max_s, max(_MIN_RUN_S, _LEEWAY * budget_us / 1_000_000))
