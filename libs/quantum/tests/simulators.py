"""Opens simulators."""

from __future__ import annotations

from queuebit_quantum import open_backend
from queuebit_quantum.in_process import InProcess


def simulator(id_: str) -> InProcess:
    """Return a backend with a method `run` that tests can call."""
    backend = open_backend(id_)
    assert isinstance(backend, InProcess)
    return backend
