"""Users of the system under which children run: each is in use by one child at a time, on the whole machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from queuebit_kernel import Unavailable

__all__ = ["own_user"]

_MOST = 256


@contextmanager
def own_user(first: int) -> Iterator[int]:
    """Take the first user id from `first` on that no other child has; services of other stacks look at the same marks.

    Raises:
        Unavailable: all are in use.
    """
    for uid in range(first, first + _MOST):
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0queuebit-hybrid-user-{uid}")  # free again when this process ends, however it does
        except OSError:
            mark.close()
            continue
        with mark:
            yield uid
        return
    raise Unavailable(f"the users {first} to {first + _MOST - 1} are all in use by hybrid jobs")
