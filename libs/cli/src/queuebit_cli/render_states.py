"""What is different about a backend that is isolated, or used without some elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["elements_of", "quarantined", "state_of"]

_SHOWN = 6
"""The most elements that a table names."""


def state_of(row: Mapping[str, Any]) -> tuple[str | None, object, str | None, object]:  # JSON
    """State, since when, what is not used, and why; nothing of a backend that is in service as a whole."""
    elements = elements_of(row.get("qubits_out"), row.get("couplers_out"))
    if row.get("isolated_since"):
        return "isolated", row["isolated_since"], elements, row.get("isolated_reason")
    if elements:
        return "degraded", row.get("degraded_since"), elements, None
    return None, None, None, None


def quarantined(row: Mapping[str, Any]) -> str | None:  # JSON
    """How many values of the calibration cannot be and are not used; None if all can. The JSON has them."""
    texts = row.get("quarantined") or ()
    return f"{len(texts)} value{'s' if len(texts) > 1 else ''}" if texts else None


def elements_of(qubits: Any, couplers: Any) -> str | None:  # JSON
    """Qubits and couplers by number, such as `3, 4-5`; None if there are none."""
    names = [*map(str, qubits or ()), *("-".join(map(str, it)) for it in couplers or ())]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else None
