"""Starts the process of a service."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

__all__ = ["launch"]

_UNUSED = ("aiohttp", "uvicorn")
"""What the bus's client and FastStream import where it is installed, for websockets and for HTTP servers: 12 MB."""


def launch(app: str) -> int:
    """Import the module `app`, run the service that its `create_app` builds, and return the exit code.

    Nothing is collected during the import: some 900 modules make objects that live as long as the process. This saves
    a tenth of the processor time of a start.
    """
    gc.disable()
    with _without(_UNUSED):
        run = import_module("queuebit_runtime.service").run
    create_app = import_module(app).create_app
    gc.freeze()
    gc.enable()
    code: int = run(create_app)
    return code


@contextmanager
def _without(libraries: Sequence[str]) -> Iterator[None]:
    """Let imports of optional libraries fail in this block, as if they were not installed."""
    hidden = [name for name in libraries if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's mark for a missing module
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
