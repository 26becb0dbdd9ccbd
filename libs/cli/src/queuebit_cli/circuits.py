"""Reads circuits named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["STANDARD_INPUT", "circuit_of"]

STANDARD_INPUT = "-"


def circuit_of(file: str) -> Path | str:
    """A file, or the circuit that standard input holds.

    Raises:
        InvalidInput: it cannot be a circuit.
    """
    from queuebit.sources import read_source, source_of
    from queuebit_planning.limits import MAX_SOURCE_BYTES

    if file != STANDARD_INPUT:
        read_source(Path(file))
        return Path(file)
    return source_of(sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1), "standard input").decode()
