"""Where services wait that were started before the bus is prepared: they import their modules meanwhile."""

from __future__ import annotations

import os

__all__ = ["NAMED_BY", "Gate"]

NAMED_BY = "QUEUEBIT_BUS_GATE_FD"
"""The environment variable of a service that holds the number of the descriptor."""

_PLACES = 4096
"""More than processes that can wait; it fits in a pipe's buffer."""


class Gate:
    """A pipe of which each process reads one byte before it connects to the bus.

    An end without a byte means that the supervisor has ended: then no process may go on.
    """

    def __init__(self) -> None:
        self._pipe: tuple[int, int] | None = os.pipe()

    @property
    def descriptor(self) -> int | None:
        """What a process reads; None once the gate is open."""
        return None if self._pipe is None else self._pipe[0]

    @property
    def closed(self) -> bool:
        """Whether processes wait."""
        return self._pipe is not None

    def open(self) -> None:
        """Let all processes go on that wait, and let none wait from now on."""
        if self._pipe is not None:
            os.write(self._pipe[1], bytes(_PLACES))
            self.close()

    def close(self) -> None:
        """Close the descriptors of this process."""
        for end in self._pipe or ():
            os.close(end)
        self._pipe = None
