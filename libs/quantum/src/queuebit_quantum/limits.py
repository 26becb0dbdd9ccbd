"""How large a source may be before anybody spends memory on it."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_planning.limits import MAX_SOURCE_BYTES

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one source; all are checked before the work they bound is done."""

    max_source_bytes: int = MAX_SOURCE_BYTES
    """UTF-8 bytes of source."""
    max_operations: int = 1_000_000
    """Operations once gate definitions, loops and register broadcasts are written out."""
    max_qubits: int = 4_096
    """Qubits over all registers."""
    max_clbits: int = 65_536
    """Classical bits over all registers."""
    max_nesting: int = 64
    """Levels of brackets, of blocks, and of gate definitions that use gate definitions."""
    max_controls: int = 16
    """Control qubits that modifiers may add to one gate."""
