"""Why a circuit cannot be exported."""

from __future__ import annotations

from queuebit import InvalidInput

__all__ = ["NotExported"]


class NotExported(InvalidInput):
    """OpenQASM cannot express the circuit exactly; the text names the operation and what to do."""
