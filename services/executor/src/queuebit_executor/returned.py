"""Checks of what a backend returned: a plugin is foreign code, and what it returns becomes facts in the log.

Without them a count that is no number, or a name of a megabyte, would be stored for good, and break its readers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, Final, get_args

from queuebit_quantum import BilledTask, Compiled, Description, Failed, Measure, Method, Outcome, Progress, WorkResult
from queuebit_quantum.vendor_queue import VendorQueue

__all__ = [
    "MAX_MEASURES",
    "Unusable",
    "require_compiled",
    "require_described",
    "require_handle",
    "require_measures",
    "require_progress",
    "require_queue",
    "require_results",
]

MAX_MEASURES: Final = 30
"""Measures of one run: a usage has room for 32, and the executor adds shots and qubits."""

_LARGEST: Final = 2**53 - 1
"""Every reader of JSON takes such a number for what it is."""

_LONGEST_NAME: Final = 200
_LONGEST_HANDLE: Final = 1_024
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_BITS = re.compile(r"[01 ]*")


class Unusable(Exception):
    """A backend returned what its method does not promise; the text says what."""


def require_described(id_: str, given: Any) -> Description:  # what foreign code returned, as below
    """What `describe` returned for the backend with this id."""
    if not isinstance(given, Description) or given.id != id_:
        raise Unusable(f"describe() of {id_} returned {_shown(given)}")
    wrong = _wrong(given, _whole, "num_qubits", "max_shots") or _wrong(given, _seconds, "rep_delay_s", "overhead_s")
    wrong = wrong or _wrong(given, _short, "vendor") or _wrong(given, _positive, "max_items")
    wrong = wrong or _wrong(given, get_args(BilledTask).__contains__, "billed_task")
    if wrong := wrong or _wrong(given, _whole, "task_shots"):
        raise Unusable(f"describe() of {id_} returned {wrong}")
    return given


def require_compiled(given: Any) -> Compiled:
    """What `compile` returned."""
    if not isinstance(given, Compiled):
        raise Unusable(f"compile() returned {_shown(given)}")
    wrong = (
        _wrong(given, _whole, "seed", "two_qubit_gates", "depth")
        or _wrong(given, _seconds, "duration_s", "rep_delay_s", "overhead_s")
        or _wrong(given, _short, "compiler")
        or _wrong(given, _share, "esp")
        or next((f"a readout error of {_shown(it)}" for it in given.readout_errors if not _share(it)), "")
        or next((f"the method {_shown(it)}" for it in given.methods if not _is_method(it)), "")
    )
    if wrong:
        raise Unusable(f"compile() returned {wrong}")
    return given


def require_handle(given: Any) -> str:
    """What `submit` returned, or `find` where it found the run."""
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_HANDLE:
        raise Unusable(f"the handle is {_shown(given)}, and must be a text of up to {_LONGEST_HANDLE:,} characters")
    return given


def require_progress(given: Any) -> Progress:
    """What `poll` returned."""
    if given not in get_args(Progress):
        raise Unusable(f"poll() returned {_shown(given)}, and must return queued, running or ended")
    progress: Progress = given
    return progress


def require_queue(given: Any) -> VendorQueue | None:
    """What `queue` returned."""
    if given is None:
        return None
    if not isinstance(given, VendorQueue) or (given.jobs is None and given.wait_s is None):
        raise Unusable(f"queue() returned {_shown(given)}")
    wrong = "" if given.jobs is None else _wrong(given, _whole, "jobs")
    if wrong := wrong or ("" if given.wait_s is None else _wrong(given, _seconds, "wait_s")):
        raise Unusable(f"queue() returned {wrong}")
    return given


def require_results(given: Any, items: int) -> tuple[WorkResult, ...]:
    """What `collect` returned for so many items."""
    if not isinstance(given, tuple | list) or len(given) != items:
        raise Unusable(f"collect() returned {_shown(given)}, and must return a result for each item: {items}")
    for it in given:
        if wrong := _wrong_result(it):
            raise Unusable(f"collect() returned {wrong}")
    return tuple(given)


def require_measures(given: Any) -> tuple[Measure, ...]:
    """What `usage` returned; its quantities and names are checked where the answer is read."""
    if not isinstance(given, tuple | list) or not all(isinstance(it, Measure) for it in given):
        raise Unusable(f"usage() returned {_shown(given)}")
    if len(given) > MAX_MEASURES or len({it.metric for it in given}) < len(given):
        raise Unusable(f"usage() returned {len(given)} measures, and may return {MAX_MEASURES}, one for each metric")
    return tuple(given)


def _wrong_result(it: Any) -> str:
    match it:
        case Failed(code=str(code), text=str()):
            return "" if _CODE.fullmatch(code) else f"a failure with the code {_shown(code)}"
        case Outcome(counts=Mapping() as counts, memory=memory):
            if not _are_bits(counts):
                return f"counts of bit strings that are none: {_shown([*counts][:3])}"
            if not all(map(_whole, counts.values())):
                return f"a count that is none: {_shown(next(it for it in counts.values() if not _whole(it)))}"
            if not _short(it.suspect):
                return f"a doubt of {_shown(it.suspect)}"
            if it.qpu_us is not None and not _whole(it.qpu_us):
                return f"a QPU time of {_shown(it.qpu_us)} µs"
            return "" if memory is None or _are_bits(memory) else f"shots that are no bit strings: {_shown(memory[:3])}"
        case _:
            return _shown(it)


def _wrong(it: Any, holds: Any, *names: str) -> str:
    """The first field that does not hold; empty if all do."""
    return next((f"{name} {_shown(getattr(it, name))}" for name in names if not holds(getattr(it, name))), "")


def _whole(given: Any) -> bool:
    return type(given) is int and 0 <= given <= _LARGEST


def _positive(given: Any) -> bool:
    return _whole(given) and given > 0


def _seconds(given: Any) -> bool:
    return isinstance(given, int | float) and math.isfinite(given) and 0 <= given * 1e9 <= _LARGEST


def _share(given: Any) -> bool:
    return isinstance(given, int | float) and 0 <= given <= 1


def _short(given: Any) -> bool:
    return isinstance(given, str) and len(given) <= _LONGEST_NAME


def _are_bits(given: Collection[Any]) -> bool:
    return all(isinstance(it, str) for it in given) and _BITS.fullmatch("".join(given)) is not None


def _is_method(it: Any) -> bool:
    return isinstance(it, Method) and min(it.once_ns, it.per_shot_ns, it.memory_bytes) >= 0


def _shown(given: Any) -> str:
    return f"{given!r:.80}"
