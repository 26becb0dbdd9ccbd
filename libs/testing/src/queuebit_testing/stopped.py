"""A process that stands still."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["stopped"]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process during the block (SIGSTOP): its connections stay open, and it answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
