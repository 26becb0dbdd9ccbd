"""The largest source that is parsed."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_planning.limits import MAX_SOURCE_BYTES

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one source; each is checked before the work that it limits."""

    max_source_bytes: int = MAX_SOURCE_BYTES
    """UTF-8 bytes of source."""
    max_operations: int = 1_000_000
    """Operations after gate definitions, loops and register broadcasts are expanded."""
    max_qubits: int = 4_096
    """Qubits over all registers."""
    max_clbits: int = 65_536
    """Classical bits over all registers."""
    max_nesting: int = 64
    """Levels of brackets, of blocks, and of gate definitions that use gate definitions."""
    max_controls: int = 16
    """Control qubits that modifiers can add to one gate."""
