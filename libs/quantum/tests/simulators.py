"""Opens backends that run in this process."""

from __future__ import annotations

from queuebit_quantum import open_backend
from queuebit_quantum.in_process import InProcess


def simulator(id_: str) -> InProcess:
    """A backend whose `run` a test may call directly."""
    backend = open_backend(id_)
    assert isinstance(backend, InProcess)
    return backend
