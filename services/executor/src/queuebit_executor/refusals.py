"""The frames in which a child refuses a request."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from queuebit_executor.errors import BACKEND_ERROR, NOT_REACHABLE
from queuebit_executor.returned import Unusable
from queuebit_quantum import CircuitError, DoesNotFit, NotReachable
from queuebit_quantum.errors import VendorCredentials, VendorFault, VendorRefused
from queuebit_runtime.frames import MAX_BYTES, Frame

__all__ = ["MAX_RESULT_BYTES", "answered", "lacks_credentials", "lacks_memory", "over_budget", "refusal", "too_large"]

MAX_RESULT_BYTES = MAX_BYTES // 2
"""The largest result of one circuit or item."""

_DAY_S = 86_400
_T = TypeVar("_T")


def answered(do: Callable[[], _T]) -> _T | Frame:
    """Do something for a circuit; a fault of the circuit or its backend is a refusal, all others are raised."""
    try:
        return do()
    except CircuitError as error:
        where = {"line": error.line, "column": error.column, "expected": error.expected or None}
        return refusal(error.code, error.message, **where)
    except NotReachable as error:
        text = str(error)[:500] or "the vendor does not answer"
        return refusal(NOT_REACHABLE, text, wait_s=_whole_seconds(error.retry_after_s))
    except (VendorFault, VendorRefused) as error:
        return refusal(error.code, str(error))
    except DoesNotFit as error:
        return refusal("does_not_fit", str(error))
    except Unusable as error:
        return refusal(BACKEND_ERROR, f"the backend's plugin is at fault: {error}")
    except UnicodeDecodeError as error:
        return refusal("encoding", f"the source is not UTF-8 text: {error.reason} at byte {error.start}")
    except RecursionError:
        return refusal("too_deep", "the circuit is nested too deeply: unfold gate definitions or expressions")
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
            raise
        return refusal("out_of_memory", "the circuit needs more memory than a job may use here: use fewer qubits")


def _whole_seconds(asked: float | None) -> int:
    """Rounded up, at most a day; 0 for what is no time, because a plugin may give anything."""
    return math.ceil(min(asked, _DAY_S)) if isinstance(asked, int | float) and asked > 0 else 0


def refusal(code: str, message: str, **more: str | int | None) -> Frame:
    """The frame for `queuebit_executor.answers.Refused`; `more` adds fields of the error, such as `line`."""
    return {"error": {"code": code, "message": message, **more}}, b""


def lacks_memory(head: Mapping[str, Any]) -> bool:
    """Whether an answer says that memory ran out."""
    return "error" in head and head["error"]["code"] == "out_of_memory"


def lacks_credentials(head: Mapping[str, Any]) -> bool:
    """Whether an answer says that a vendor refuses the credentials."""
    return "error" in head and head["error"]["code"] == VendorCredentials.code


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
