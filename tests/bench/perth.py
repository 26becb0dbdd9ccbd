"""Real calibrations of ibm_perth, one a day from 2023-01-01 to 2023-04-30: `data/ibm_perth_2023.json` says whence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

from queuebit_drift import CalibrationRow

__all__ = ["perth"]


def perth(coupler: str = "", factor: float = 1.0, day: int = 0) -> list[CalibrationRow]:
    """The calibrations; or those of one coupler, such as `0-1`, whose error is multiplied by `factor` from `day` on.

    An error that reaches 1 is 1: the coupler is dead.
    """
    return [_row(it, coupler, factor if number >= day else 1.0) for number, it in enumerate(_days())]


@cache
def _days() -> list[dict[str, Any]]:  # plain JSON
    path = Path(__file__).parent / "data" / "ibm_perth_2023.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())["days"]
    return found


def _row(day: dict[str, Any], coupler: str, factor: float) -> CalibrationRow:  # plain JSON
    at = datetime.combine(datetime.fromisoformat(day["captured"]), time(10), UTC)
    qubits = [] if coupler else [dict(zip(("t1_s", "t2_s", "readout_error"), it, strict=True)) for it in day["qubits"]]
    couplers = [
        {"qubits": [*map(int, pair.split("-"))], "error": min(1.0, error * factor)}
        for pair, error in day["cx"].items()
        if coupler in ("", pair)
    ]
    return CalibrationRow("ibm_perth", at, {"qubits": qubits, "couplers": couplers}, f"perth-{day['captured']}")
