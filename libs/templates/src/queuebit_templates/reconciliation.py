"""Error correction of a key by the Cascade protocol: parities of blocks are compared in public to find errors."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from random import Random

__all__ = ["Reconciled", "cascade"]

_PASSES = 4
_FIRST_BLOCK = 0.73
"""The size of the first blocks, times the error rate (Brassard and Salvail 1993)."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Bob's key after error correction."""

    key: list[int]
    corrected: int
    """Bits that were changed."""
    leaked: int
    """Parities of Alice's key that were said in public; each tells an eavesdropper at most one bit."""


class _Pass:
    """The blocks of one pass, and which of them have an odd number of errors."""

    def __init__(self, order: list[int], size: int, wrong: list[bool]) -> None:
        self.blocks = [order[it : it + size] for it in range(0, len(order), size)]
        self._block_of = {bit: number for number, block in enumerate(self.blocks) for bit in block}
        self.odd = {number for number, block in enumerate(self.blocks) if sum(wrong[it] for it in block) % 2}

    def flip(self, bit: int) -> None:
        self.odd ^= {self._block_of[bit]}


def cascade(alice: list[int], bob: list[int], error_rate: float, draw: Random) -> Reconciled:
    """Correct Bob's key by comparing parities with Alice.

    Four passes over blocks, of which each pass has others, twice as large, in another order. A block with an odd number
    of errors is halved until one is found; its correction makes blocks of earlier passes odd, which are searched too.
    Pairs of errors can remain: compare a hash afterwards.

    Args:
        alice: her bits.
        bob: his bits.
        error_rate: the expected share of bits that differ, above 0.
        draw: the public choices of the orders.
    """
    wrong = [one != other for one, other in zip(alice, bob, strict=True)]
    passes, corrected, leaked = list[_Pass](), 0, 0
    for number in range(_PASSES if alice else 0):
        order = list(range(len(alice)))
        if number:
            draw.shuffle(order)
        passes.append(_Pass(order, ceil(_FIRST_BLOCK / error_rate) << number, wrong))
        leaked += len(passes[-1].blocks)
        while odd := [it.blocks[block] for it in passes for block in it.odd]:
            bit, asked = _search(min(odd, key=len), wrong)
            wrong[bit] = False
            corrected, leaked = corrected + 1, leaked + asked
            for it in passes:
                it.flip(bit)
    return Reconciled([bit ^ error for bit, error in zip(alice, wrong, strict=True)], corrected, leaked)


def _search(block: list[int], wrong: list[bool]) -> tuple[int, int]:
    """An error in a block with an odd number of them, and how many parities were compared."""
    asked = 0
    while len(block) > 1:
        half = block[: len(block) // 2]
        block = half if sum(wrong[it] for it in half) % 2 else block[len(half) :]
        asked += 1
    return block[0], asked
