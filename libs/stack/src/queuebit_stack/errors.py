"""What ends a command, and the exit code it ends with."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit", "Stop"]


class Exit(IntEnum):
    """What the exit codes of `qb` mean."""

    DONE = 0
    JOB_FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


class Stop(Exception):
    """A command cannot go on; the text says why and what to do."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
