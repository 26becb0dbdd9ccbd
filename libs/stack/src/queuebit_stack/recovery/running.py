"""Runs one process of a stack that is down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.process import Identity, end, last_words, launch
from queuebit_stack.process_specs import Spec

__all__ = ["running"]

_START_S = 60.0


@contextmanager
def running(home: Home, spec: Spec) -> Iterator[None]:
    """Start the process, wait until it is ready, and end it after the block.

    Raises:
        Stop: it ends by itself, or does not become ready.
    """
    log = home.log_file(spec.name)
    begin = log.stat().st_size if log.exists() else 0
    process = launch(spec.argv, spec.environment, log)
    try:
        deadline = time.monotonic() + _START_S
        while not spec.look().ready:
            if process.poll() is not None:
                raise Stop(Exit.UNREACHABLE, f"{spec.name} cannot be started: {last_words(log, begin)}")
            if time.monotonic() > deadline:
                raise Stop(Exit.UNREACHABLE, f"{spec.name} is not ready after {_START_S:g} s: see {log}")
            time.sleep(0.05)
        yield
    finally:
        if (identity := Identity.of(process.pid)) is not None:
            end([identity])
        process.wait()
