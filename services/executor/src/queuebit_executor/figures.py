"""Seeds and times, as parent and child both compute them. Integers only."""

from __future__ import annotations

__all__ = ["compilation_seed", "device_us", "simulation_seed", "simulation_us"]

_GATE_PS = 2_000
"""Picoseconds a simulator spends on one amplitude of one operation; 500 to 1,000 were measured."""
_SHOT_NS = 1_000
"""Nanoseconds to draw one shot, on top of those for its bits."""
_BIT_NS = 50
_RUN_US = 5_000
"""Microseconds of every simulation, however small; 1,000 were measured."""


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


def simulation_us(shots: int, operations: int, clbits: int, state_bytes: int, *, dynamic: bool) -> int:
    """A generous guess at the time of a simulation, in microseconds: what a hold must cover.

    Every operation touches the whole state, of 16 bytes an amplitude; each shot is then drawn from it. A dynamic
    circuit is simulated anew for each shot.
    """
    passes = shots if dynamic else 1
    state_us = passes * operations * max(1, state_bytes // 16) * _GATE_PS // 1_000_000
    return _RUN_US + state_us + shots * (_SHOT_NS + _BIT_NS * clbits) // 1_000
