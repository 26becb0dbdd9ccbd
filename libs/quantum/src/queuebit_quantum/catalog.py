"""Every backend by its id, and the stack it belongs to. Nothing heavy is imported until one is opened."""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

from queuebit_quantum.backends import Backend
from queuebit_quantum.errors import UnknownBackend

__all__ = ["STACKS", "Stack", "known_backends", "open_backend", "stack_of"]

Stack: TypeAlias = Literal["aer", "cirq", "ibm"]
"""Backends that share an SDK, and therefore a process."""

_SNAPSHOTS = {
    "emulated-ibm-brisbane": "FakeBrisbane",
    "emulated-ibm-hanoi": "FakeHanoiV2",
    "emulated-ibm-manila": "FakeManilaV2",
    "emulated-ibm-perth": "FakePerth",
    "emulated-ibm-sherbrooke": "FakeSherbrooke",
    "emulated-ibm-torino": "FakeTorino",
}
STACKS: dict[Stack, tuple[str, ...]] = {"aer": ("aer",), "cirq": ("cirq",), "ibm": tuple(_SNAPSHOTS)}
"""The ids of each stack's backends."""


def known_backends(stack: Stack | None = None) -> tuple[str, ...]:
    """Return the ids of one stack's backends, or of all."""
    if stack is not None:
        return STACKS[stack]
    return tuple(id_ for ids in STACKS.values() for id_ in ids)


def stack_of(id_: str) -> Stack:
    """Return the stack a backend belongs to.

    Raises:
        UnknownBackend: no backend goes by this id.
    """
    for stack, ids in STACKS.items():
        if id_ in ids:
            return stack
    raise UnknownBackend(f"there is no backend {id_[:80]!r}; known are {', '.join(known_backends())}")


@cache
def open_backend(id_: str) -> Backend:
    """Import a backend's stack and build it; the same id gives the same object.

    Raises:
        UnknownBackend: no backend goes by this id.
    """
    match stack_of(id_):
        case "aer":
            from queuebit_quantum.aer import Aer

            return Aer()
        case "cirq":
            from queuebit_quantum.cirq_stack import CirqSimulator

            return CirqSimulator()
        case "ibm":
            from queuebit_quantum.ibm import EmulatedIbm

            return EmulatedIbm(id_, _SNAPSHOTS[id_])
