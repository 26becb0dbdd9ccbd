"""Keys that follow from what jobs ask for: work that is done again finds the jobs of the first time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

__all__ = ["KeySpace", "active_keys", "keyed"]


class KeySpace:
    """The keys of one piece of work, such as a step of a workflow.

    Jobs that ask for the same are numbered in the order of their submission, so that the order of different jobs,
    which concurrency may change, has no influence on their keys.
    """

    def __init__(self, name: str, *, tag: str | None = None) -> None:
        """Begin a piece of work; jobs that take their keys from it have the tag, too."""
        self._name = name
        self.tag = tag
        self._numbers: dict[str, Iterator[int]] = {}

    def key(self, content: str) -> str:
        """The next key for this content."""
        number = next(self._numbers.setdefault(content, count()))
        return hashlib.sha256(f"{self._name}\n{content}\n{number}".encode()).hexdigest()


_active: ContextVar[KeySpace | None] = ContextVar("queuebit_keys", default=None)


def active_keys() -> KeySpace | None:
    """Where jobs that are submitted without a key take theirs from; None where each has a random one."""
    return _active.get()


@contextmanager
def keyed(keys: KeySpace | None) -> Iterator[None]:
    """Within the block, jobs that are submitted without a key take theirs from `keys`, also in tasks that it starts."""
    token = _active.set(keys)
    try:
        yield
    finally:
        _active.reset(token)
