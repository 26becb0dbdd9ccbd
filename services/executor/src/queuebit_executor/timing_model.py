"""Seeds and times, as parent and child both compute them. Integers only."""

from __future__ import annotations

__all__ = ["compilation_seed", "device_us", "simulation_seed"]


def compilation_seed(circuit_digest: str) -> int:
    """The seed a circuit is always compiled with, so that its profile, its quote and its run are of one compilation."""
    return int(circuit_digest.removeprefix("sha256:")[:7], 16)


def simulation_seed(seed: int) -> int:
    """A job's seed folded into the 32 bits that every simulator takes."""
    return (seed ^ seed >> 32) & 0xFFFF_FFFF


def device_us(shots: int, duration_ns: int, rep_delay_ns: int, overhead_ns: int) -> int:
    """Time a device is occupied, in whole microseconds, rounded up.

    shots * (duration + repetition delay) + overhead, the form of IBM's guide "Estimate job run time".
    """
    return -(-(shots * (duration_ns + rep_delay_ns) + overhead_ns) // 1_000)
