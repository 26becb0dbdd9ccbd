"""Seeds, as a profile, a quote and a run all compute them."""

from __future__ import annotations

from queuebit_kernel import digest

__all__ = ["compilation_seed", "item_seed", "simulation_seed"]


def compilation_seed(circuit_digest: str) -> int:
    """The seed a circuit is always compiled with, so that its profile, its quote and its run are of one compilation."""
    return int(circuit_digest.removeprefix("sha256:")[:7], 16)


def item_seed(seed: int, item: int) -> int:
    """The seed of one item of a program, below 2^52: items of equal circuits must not repeat one another's noise."""
    return int(digest(f"{seed}/{item}".encode()).removeprefix("sha256:")[:13], 16)


def simulation_seed(seed: int) -> int:
    """A job's seed folded into the 32 bits that every simulator takes."""
    return (seed ^ seed >> 32) & 0xFFFF_FFFF
