"""The installed stacks and their backends.

A stack is a plugin: an entry point in the group `queuebit.backends` that refers to a `Stack`. The name of the entry
point is the name of the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from queuebit_kernel import InvalidId, require_token
from queuebit_quantum.backends import Backend
from queuebit_quantum.errors import BrokenStack, UnknownBackend

__all__ = [
    "GROUP",
    "Stack",
    "installed_stacks",
    "is_builtin",
    "known_backends",
    "load_stack",
    "open_backend",
    "stack_of",
]

GROUP = "queuebit.backends"
"""The group of entry points of stacks."""

_OURS = "queuebit-quantum"
"""The distribution with the built-in stacks."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Backends that share an SDK and a process. The module that defines a stack must not import the SDK."""

    backends: Mapping[str, Callable[[], Backend]]
    """A function per backend id that imports the SDK and builds the backend."""
    offered: tuple[str, ...] = ()
    """The ids offered by default; empty means all. An installation can choose others."""
    preload: Callable[[], object] | None = None
    """Loads code that all backends share; each executor calls it once, before it builds a backend."""
    absent: Callable[[], str] | None = None
    """Returns why this machine cannot run any of the backends, such as the lack of a GPU; empty if it can.

    It is called in a process that ends afterwards, which may import the SDK. An absent stack is not an error: no
    executor runs, nothing is registered, and `qb status` gives the reason."""
    reserved_bytes: int = 0
    """Addresses that libraries of the stack reserve and do not use, as CUDA does. A child may reserve so many on top of
    its memory."""
    devices: tuple[str, ...] = ()
    """Patterns of device files that the stack's children open, such as `/dev/nvidia*`. They may then also read `/proc`
    and `/sys`, and make Unix sockets, as drivers do."""

    def __post_init__(self) -> None:
        for id_ in (*self.backends, *self.offered):
            require_token(id_, "backend")
        if not self.backends or not self.backends.keys() >= set(self.offered):
            raise ValueError("a stack needs at least one backend, and can offer only its own backends")

    @property
    def offers(self) -> tuple[str, ...]:
        """The ids offered by default."""
        return self.offered or tuple(self.backends)


def installed_stacks() -> dict[str, EntryPoint]:
    """Return the entry point of each stack by name, in order of name. Imports none of them.

    Of two with one name the built-in stack counts.
    """
    return {it.name: it for it in sorted(entry_points(group=GROUP), key=lambda it: (it.name, is_builtin(it)))}


def is_builtin(entry: EntryPoint) -> bool:
    """Whether a stack comes with this library."""
    return entry.dist is not None and entry.dist.name == _OURS


def load_stack(name: str) -> Stack:
    """Import the module of a stack and return the stack.

    Raises:
        BrokenStack: no such stack is installed, or its module fails; the text gives the reason.
    """
    found = installed_stacks().get(name)
    if found is None:
        known = ", ".join(installed_stacks()) or "none"
        raise BrokenStack(f"the stack {name[:80]!r} is not installed in this environment; installed stacks: {known}")
    try:
        require_token(name, "stack")
        stack = found.load()
    except InvalidId as error:
        raise BrokenStack(f"{found.value} of the stack {name[:80]!r}: {error}") from error
    except Exception as error:  # a plugin may raise any exception; the other stacks must still load
        raise BrokenStack(f"{found.value} cannot be loaded: {type(error).__name__}: {error!s:.300}") from error
    if not isinstance(stack, Stack):
        raise BrokenStack(f"{found.value} is a {type(stack).__name__}, not a queuebit_quantum.Stack")
    return stack


def known_backends(stack: str | None = None) -> tuple[str, ...]:
    """Return the backend ids of one stack, or of all stacks that load.

    Raises:
        BrokenStack: as `load_stack`, for one stack.
    """
    if stack is not None:
        return tuple(load_stack(stack).backends)
    return tuple(id_ for it in _working() for id_ in it.backends)


def stack_of(id_: str) -> Stack:
    """Return the stack of a backend.

    Raises:
        UnknownBackend: no installed stack has a backend with this id.
    """
    for stack in _working():
        if id_ in stack.backends:
            return stack
    raise UnknownBackend(f"there is no backend {id_[:80]!r}; known backends: {', '.join(known_backends())}")


@cache
def open_backend(id_: str) -> Backend:
    """Import the stack of a backend and build the backend; the same id returns the same object.

    Raises:
        UnknownBackend: no installed stack has a backend with this id.
    """
    return stack_of(id_).backends[id_]()


def _working() -> list[Stack]:
    found = []
    for name in installed_stacks():
        try:
            found.append(load_stack(name))
        except BrokenStack:
            continue
    return found
