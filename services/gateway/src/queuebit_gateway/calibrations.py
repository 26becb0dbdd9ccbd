"""What changed most from one calibration of a backend to the next. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["MOST_CHANGES", "drift"]

_Snapshot = Mapping[str, Any]  # as the executor wrote it

MOST_CHANGES: Final = 5
_QUBIT: Final = ("readout_error", "t1_s", "t2_s")


def drift(before: _Snapshot, after: _Snapshot) -> list[dict[str, object]]:
    """The values that changed most in proportion, the largest change first."""
    old, new = dict(_values(before)), dict(_values(after))
    changed = [
        (abs(math.log(new[it] / old[it])), *it)
        for it in new.keys() & old.keys()
        if new[it] > 0 and old[it] > 0 and new[it] != old[it]
    ]
    largest = sorted(changed, key=lambda it: (-it[0], it[1], it[2]))[:MOST_CHANGES]
    return [{"what": what, "on": on, "before": old[what, on], "after": new[what, on]} for _, what, on in largest]


def _values(snapshot: _Snapshot) -> Iterator[tuple[tuple[str, str], float]]:
    """Each value with its name and place: a qubit, or the qubits of a coupler."""
    for number, qubit in enumerate(snapshot.get("qubits", ())):
        yield from (((name, str(number)), qubit[name]) for name in _QUBIT if qubit.get(name) is not None)
    for it in snapshot.get("couplers", ()):
        if it.get("error") is not None:
            yield (it.get("gate", "gate"), "-".join(map(str, it["qubits"]))), it["error"]
