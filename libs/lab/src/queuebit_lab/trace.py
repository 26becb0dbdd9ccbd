"""The queues of real machines: the shipped trace of twelve machines of IBM, polled for seven days.

The trace has the number of pending jobs, about every ten seconds. What a scheduling policy meets is a queue that is
served in order, so the trace is read as one: an increase is an arrival, a decrease is the end of the oldest job, and a
job was served from the end of the job before it, or from its arrival. The queue of a machine without further jobs
is then that of the trace.

Counts that jump away from their median over five minutes and back are errors of the report, not work: they are
replaced by the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

__all__ = ["DAY_US", "STAND_INS", "TRACE", "TRACE_US", "Background", "backgrounds"]

TRACE = "ibm_queue_trace_2023-11.parquet"
"""github.com/manosgior/Qonductor-SC25, commit d85452e; MIT, see LICENSE-Qonductor-SC25. Converted from JSON."""

DAY_US = 86_400_000_000
TRACE_US = 7 * DAY_US
"""The length of the trace."""

STAND_INS = {"nazca": "osaka"}
"""Machines of the trace without a snapshot, and the machine of the same kind whose snapshot stands in."""

_WINDOW = 31
"""Polls in five minutes."""
_JUMP = 20
"""Jobs; a count further away from the median than this is an error of the report."""


@dataclass(frozen=True, slots=True)
class Background:
    """What others ran on one machine: times in microseconds since the first poll."""

    arrived_us: tuple[int, ...]
    served_us: tuple[int, ...]
    """How long each job held the machine, in order of arrival."""
    ended_us: tuple[int, ...]
    """When each job ended in the trace."""
    total_us: tuple[int, ...]
    """The sum of `served_us` of the jobs before each, and of all."""
    closed_us: tuple[tuple[int, int], ...]
    """When its status was not `active`, from and to: it takes no job of others then."""


@cache
def backgrounds() -> dict[str, Background]:
    """Read the trace; machines by name without their prefix."""
    import numpy as np
    import pyarrow.parquet as pq

    with resources.as_file(resources.files("queuebit_lab").joinpath("data", TRACE)) as path:
        table = pq.read_table(path).combine_chunks()
    polled_us = table["observed_at"].cast("int64").to_numpy() * 1000
    pending = table["pending_jobs"].to_numpy().astype(np.int64)
    machine, status = (table[it].chunk(0) for it in ("backend", "status"))
    active = status.dictionary.to_pylist().index("active")
    machines, statuses = machine.indices.to_numpy(), status.indices.to_numpy()
    first = int(polled_us.min())
    found = {}
    for number, name in enumerate(machine.dictionary.to_pylist()):
        rows = np.flatnonzero(machines == number)
        rows = rows[np.argsort(polled_us[rows], kind="stable")]
        at = polled_us[rows] - first
        found[name.split("_", 1)[1]] = _background(at, _without_jumps(pending[rows]), statuses[rows] == active)
    return dict(sorted(found.items()))


def _without_jumps(pending: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    import numpy as np

    padded = np.pad(pending, _WINDOW // 2, mode="edge")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW), axis=1).astype(np.int64)
    return np.where(np.abs(pending - median) > _JUMP, median, pending)


def _background(at: NDArray[numpy.int64], pending: NDArray[numpy.int64], active: NDArray[numpy.bool_]) -> Background:
    import numpy as np

    change = np.diff(pending)
    arrived = [0] * int(pending[0]) + _spread(at, change)
    ended = _spread(at, -change)
    left = len(arrived) - len(ended)
    mean = int(at[-1]) // max(1, len(ended))
    ended += [int(at[-1]) + mean * number for number in range(1, left + 1)]
    served, free = [], 0
    for came, went in zip(arrived, ended, strict=True):
        served.append(went - max(free, came))
        free = went
    return Background(
        arrived_us=tuple(arrived),
        served_us=tuple(served),
        ended_us=tuple(ended),
        total_us=(0, *accumulate(served)),
        closed_us=_closed(at, active),
    )


def _spread(at: NDArray[numpy.int64], change: NDArray[numpy.int64]) -> list[int]:
    """Return the moments of increases: those of one poll are spread evenly over the time since the poll before it."""
    import numpy as np

    polls = np.flatnonzero(change > 0)
    moments: list[int] = []
    for poll, count in zip(polls.tolist(), change[polls].tolist(), strict=True):
        since, until = int(at[poll]), int(at[poll + 1])
        moments += [since + (until - since) * number // count for number in range(1, count + 1)]
    return moments


def _closed(at: NDArray[numpy.int64], active: NDArray[numpy.bool_]) -> tuple[tuple[int, int], ...]:
    import numpy as np

    flips = np.flatnonzero(np.diff(np.concatenate(([True], active, [True])).astype(np.int8)))
    moments = [int(at[it]) if it < len(at) else TRACE_US * 2 for it in flips.tolist()]
    return tuple(zip(moments[::2], moments[1::2], strict=True))
