"""Backends of IonQ. Importing this package loads no SDK."""

from __future__ import annotations

from functools import partial

from queuebit_quantum import Backend, Stack

__all__ = ["NAMES", "stack"]

NAMES = {
    "ionq-simulator": "simulator",
    "ionq-aria-1": "qpu.aria-1",
    "ionq-forte-1": "qpu.forte-1",
    "ionq-forte-enterprise-1": "qpu.forte-enterprise-1",
}
"""IonQ's name of each backend."""


def _open(id_: str) -> Backend:
    from queuebit_vendor_ionq.backend import IonQ

    return IonQ(id_, NAMES[id_])


stack = Stack({id_: partial(_open, id_) for id_ in NAMES}, offered=("ionq-simulator",))
