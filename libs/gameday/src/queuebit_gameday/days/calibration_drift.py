"""The two-qubit error of a device grows from calibration to calibration."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

from queuebit_gameday.days import BELL, completed, vendor_of
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator
from queuebit_gameday.vendor import DEVICE, Vendor, use
from queuebit_kernel import SystemClock

__all__ = ["play", "prepare"]

_LEARNED: Final = 29
"""Calibrations before the drift: the reference takes 28."""
_WORSE: Final = 6
_APART: Final = timedelta(minutes=30)
"""Between two calibrations: all are of the last day, because a device whose calibration is overdue is isolated."""
_USUAL, _BAD = 0.01, 0.03
_STEP_S: Final = 300.0
"""Drift is looked for in steps of a minute here; and an evaluation, and a busy machine."""


def prepare(stack: Operator) -> None:
    """Give the stack a device that was calibrated a day ago, and is asked for its calibration each second."""
    vendor = use(stack, calibration_seconds=1)
    stack.settings["QUEUEBIT_ALERTING_DRIFT_MINUTES"] = "1"
    vendor.calibrated_at = SystemClock().now() - _APART * (_LEARNED + 2 * _WORSE)


def play(stack: Operator, score: Score) -> None:
    """State the calibrations of a day within a minute or two, let the error be three times as large, and repair it."""
    vendor = vendor_of(stack)
    for day in range(_LEARNED):
        _calibrate(stack, vendor, _USUAL * (1 + 0.05 * (day % 3 - 1)))
    known = _known(stack)
    if not score.check("before", "enough calibrations are in the log", known >= _LEARNED, f"{known} calibrations"):
        return
    before = _success(stack)
    score.injected()
    for _ in range(_WORSE):
        _calibrate(stack, vendor, _BAD)
    after = _success(stack)
    score.check(
        "containment",
        "a plan shows the lower success at once",
        before > after > 0,
        f"{before:.4f} before, {after:.4f} now",
    )
    score.wait("detection", "the ticket Drift names the device and the error", lambda: _ticket(stack), _STEP_S)
    stack.qb("tenant", "limit", "demo", "playground", "--backends", "aer")
    kept = [it["state"] for it in stack.submit(BELL, "--backend", DEVICE)]
    score.check("containment", "jobs of users on the device are refused", kept == ["rejected"], ", ".join(kept))
    elsewhere = completed(stack.submit(BELL))
    score.check("containment", "jobs of users complete elsewhere", elsewhere is not None, elsewhere or "none")
    stack.qb("tenant", "limit", "demo", "playground", "--backends", "all")
    for _ in range(_WORSE):
        _calibrate(stack, vendor, _USUAL)
    again = _success(stack)
    score.check("repair", "after a good calibration, plans are as before", again >= before - 0.001, f"{again:.4f}")
    score.wait("repair", "the ticket ends", lambda: None if _ticket(stack) else "nothing drifts", _STEP_S)
    score.check("repair", "`qb verify` finds every invariant", stack.is_verified())


def _calibrate(stack: Operator, vendor: Vendor, error: float) -> None:
    """State the next calibration, and wait until the log has it."""
    known, vendor.two_qubit_error = _known(stack), error
    vendor.calibrated_at += _APART
    for _ in range(30):  # each look starts `qb`, and takes about a second
        if _known(stack) > known:
            return
    raise RuntimeError("the executor does not read the calibration of the device")


def _known(stack: Operator) -> int:
    query = f"SELECT count() AS n FROM events WHERE type = 'qb.backend.calibrated.v1' AND backend = '{DEVICE}'"  # noqa: S608
    return sum(int(it["n"]) for it in stack.sql(query))


def _success(stack: Operator) -> float:
    """The estimated success probability of a Bell pair on the device."""
    file = stack.home.root / "gameday.qasm"
    file.write_text(BELL, encoding="utf-8")
    rows = json.loads(stack.qb("plan", str(file), "--backend", DEVICE, "--json"))
    return next((int(it["esp_ppm"]) / 1e6 for it in rows if it.get("esp_ppm") is not None), 0.0)


def _ticket(stack: Operator) -> str | None:
    return stack.firing(alertname="Drift", backend=DEVICE, measure="two_qubit_error")
