"""The frames in which a child refuses a request."""

from __future__ import annotations

from queuebit_executor.frames import MAX_BYTES, Frame

__all__ = ["MAX_RESULT_BYTES", "over_budget", "refusal", "too_large"]

MAX_RESULT_BYTES = MAX_BYTES // 2
"""The largest result of one circuit or item."""


def refusal(code: str, message: str, **more: str | int | None) -> Frame:
    """The frame for `queuebit_executor.answers.Refused`; `more` adds fields of the error, such as `line`."""
    return {"error": {"code": code, "message": message, **more}}, b""


def over_budget(qpu_us: int, budget_us: int) -> Frame | None:
    """The refusal of a run that takes more device time than its hold covers; None if it is covered."""
    if qpu_us <= budget_us:
        return None
    text = f"the run takes {qpu_us:,} µs of QPU time and its hold covers {budget_us:,} µs: submit again"
    return refusal("limit_exceeded", text)


def too_large(size: int, used_us: int = 0) -> Frame | None:
    """The refusal of a result of `size` bytes, whose run took `used_us`; None if the result fits."""
    if size <= MAX_RESULT_BYTES:
        return None
    text = f"the result has {size:,} bytes and may have {MAX_RESULT_BYTES:,}: ask for fewer shots or measure fewer bits"
    return refusal("result_too_large", text, used_us=used_us)
