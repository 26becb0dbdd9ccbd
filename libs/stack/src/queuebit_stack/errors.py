"""The exception that ends a command, and its exit code."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit", "Stop"]


class Exit(IntEnum):
    """Exit codes of `qb`."""

    DONE = 0
    JOB_FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    DIFFERS = 5
    INTERRUPTED = 130


class Stop(Exception):
    """A command cannot continue; the text says why and what to do next."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
