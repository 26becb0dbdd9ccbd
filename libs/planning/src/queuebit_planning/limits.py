"""The limits of one job that more than one part of the platform applies."""

from __future__ import annotations

from typing import Final

from queuebit_contracts.program import MAX_CIRCUITS, MAX_ITEMS

__all__ = [
    "MAX_BUSY_US",
    "MAX_CARRIED_BYTES",
    "MAX_CIRCUITS",
    "MAX_ITEMS",
    "MAX_SOURCE_BYTES",
    "TRANSIENT",
    "run_limit_s",
    "state_bytes",
]

MAX_SOURCE_BYTES: Final = 1 << 20
"""UTF-8 bytes of one source. The client checks it before it sends, the broker before it profiles, the parser before it
parses."""

MAX_CARRIED_BYTES: Final = 4_096
"""Bytes of the largest program that is copied into `accepted` and `placed`, so that an executor need not look for it.
Larger ones are read from the payload store, or from the submission."""

MAX_BUSY_US: Final = 24 * 3_600 * 1_000_000
"""The longest that one job may occupy a backend, estimated from above: a day. No number of a quote is then too large
for a reader that keeps numbers as doubles."""

TRANSIENT: Final = frozenset({"profile_timeout", "run_timeout", "out_of_memory", "crashed"})
"""Codes of refusals that say more about the moment than about the circuit: a busy machine, or memory that others took.
Such an answer is not remembered for good, and not stored in a cache."""

_RESERVED_MB: Final = 256
"""Of a child's memory: parsing, compiling and the counts. A state may take the rest."""

_LEEWAY: Final = 4
"""A run may take this many times what its hold pays for: the estimate is generous, but the machine may be busy."""

_MIN_RUN_S: Final = 10.0
"""No run is stopped earlier: starting one may take longer than a small circuit does."""


def state_bytes(memory_mb: int) -> int:
    """Return the bytes that the state of a simulation may take in a child with `memory_mb` MiB."""
    return max(0, memory_mb - _RESERVED_MB) << 20


def run_limit_s(kind: str, budget_us: int, max_s: float) -> float:
    """Return the seconds after which a run is stopped.

    On a simulator they follow from the time that the job's hold pays for, so that little money cannot keep it busy for
    long. A hold on a device pays for the device's time, not for the time of its emulation: there `max_s` applies.

    Args:
        kind: of the backend, as it is registered.
        budget_us: the time that the hold pays for, in microseconds.
        max_s: the longest that any run may take here, in seconds.
    """
    if kind != "simulator":
        return max_s
    return min(max_s, max(_MIN_RUN_S, _LEEWAY * budget_us / 1_000_000))
