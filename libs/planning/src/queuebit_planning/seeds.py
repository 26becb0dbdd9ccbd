"""Seeds that a plan and a run have in common."""

from __future__ import annotations

__all__ = ["compilation_seed", "simulation_seed"]


def compilation_seed(circuit_digest: str) -> int:
    """The seed a circuit is always compiled with, so that its profile, its quote and its run are of one compilation."""
    return int(circuit_digest.removeprefix("sha256:")[:7], 16)


def simulation_seed(seed: int) -> int:
    """A job's seed folded into the 32 bits that every simulator takes."""
    return (seed ^ seed >> 32) & 0xFFFF_FFFF
