"""The stack `annealer`: a classical annealer. Importing this module loads no sampler."""

from __future__ import annotations

from queuebit_quantum import Backend, Stack

__all__ = ["stack"]


def _annealer() -> Backend:
    from queuebit_vendor_annealer.annealer import Annealer

    return Annealer()


stack = Stack({"local-annealer": _annealer})
