"""How results name observables."""

from __future__ import annotations

import pytest

from queuebit_quantum import label


@pytest.mark.parametrize(
    ("observable", "text"),
    [
        ({"ZZ": 1.0}, "ZZ"),
        ({"XI": 0.5, "ZZ": -2.0, "YY": 1.0}, "0.5 XI - 2 ZZ + YY"),
        ({"ZZ": -1.0}, "-ZZ"),
        ({"ZI": 1e-9, "IZ": 0.1 + 0.2}, "1e-09 ZI + 0.3 IZ"),
        ({"Z" * 80: 1.0}, "Z" * 59 + "…"),
    ],
)
def test_an_observable_is_labelled_as_people_write_it(observable: dict[str, float], text: str) -> None:
    assert label(observable) == text
