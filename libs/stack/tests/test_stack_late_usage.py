"""Usage that the operator states."""

from __future__ import annotations

import pytest

from queuebit_stack.errors import Stop
from queuebit_stack.late_usage import measures_of


def test_measures_are_read_with_their_units() -> None:
    read = [(it.metric, it.quantity, it.unit, it.final) for it in measures_of(["qpu-time=1500000", "shots=0"])]
    assert read == [("qpu-time", "1500000", "microsecond", True), ("shots", "0", "shot", True)]


@pytest.mark.parametrize("text", ["qpu-time", "qpu-time=", "qpu-time=-1", "qpu-time=1.5", "energy=3", "=3"])
def test_what_is_no_measure_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(Stop, match=r"is no measure: write METRIC=NUMBER, with one of shots \(shots\)"):
        measures_of([text])
