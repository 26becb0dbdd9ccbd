"""Seeds, as a profile, a quote and a run all compute them."""

from __future__ import annotations

from queuebit_kernel import digest

__all__ = ["item_seed"]


def item_seed(seed: int, item: int) -> int:
    """The seed of one item of a program, below 2^52: items of equal circuits must not repeat one another's noise."""
    return int(digest(f"{seed}/{item}".encode()).removeprefix("sha256:")[:13], 16)
