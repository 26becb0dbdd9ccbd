"""The catalog of notebooks, the reading of their code, and the comparison of results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.notebooks.child import plain
from tests.notebooks.sources import CATALOG, Unexpected, catalog, code_of, replaced
from tests.notebooks.verdicts import differences

_LICENCES = {"Apache-2.0", "MIT"}


def test_each_entry_of_the_catalog_changes_a_service_and_compares_a_result() -> None:
    entries = catalog(CATALOG.read_text(encoding="utf-8"))
    assert len({it.name for it in entries}) == len(entries)
    for it in entries:
        assert it.licence in _LICENCES
        assert len(it.commit) == 40
        assert any("queuebit" in new.lower() for _, new in it.replace), it.name
        assert not any("queuebit" in new.lower() for _, new in it.own), it.name
        assert it.compare, it.name


def test_code_of_each_kind_of_file_is_without_text_and_magics(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Text"]},
        {"cell_type": "code", "source": ["a = 1\n", "%matplotlib inline"]},
        {"cell_type": "code", "source": ["b = 2"]},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "a.md").write_text("# Text\n```{code-cell} ipython3\n:tags: [x]\na = 1\nb = 2\n```\n```\nc = 3\n```\n")
    (tmp_path / "a.py").write_text("a = 1\nb = 2")
    assert {code_of(tmp_path / name) for name in ("a.ipynb", "a.md", "a.py")} == {"a = 1\nb = 2"}
    (tmp_path / "a.txt").write_text("a = 1")
    with pytest.raises(Unexpected, match="neither"):
        code_of(tmp_path / "a.txt")


def test_a_line_that_is_not_there_is_an_error() -> None:
    assert replaced("x = A()\ny = A()", [("A()", "B()")]) == "x = B()\ny = B()"
    with pytest.raises(Unexpected, match="the commit that the catalog names"):
        replaced("x = 1", [("A()", "B()")])


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ([1.0, 2.0], [1.05, 2.0], True),
        ([1.0, 2.0], [1.2, 2.0], False),
        ([1.0], [1.0, 2.0], False),
        ([float("nan")], [1.0], False),
        ([], [], False),
        ({"0": 50, "1": 50}, {"0": 49, "1": 51}, True),
        ({"0": 50, "1": 50}, {"0": 80, "1": 20}, False),
    ],
)
def test_results_are_the_same_within_what_is_declared(ours: object, theirs: object, same: bool) -> None:
    assert (not differences({"x": 0.1}, {"x": ours}, {"x": theirs})) is same


def test_results_become_plain() -> None:
    assert plain([[1 + 0j, 2], [3, 4]]) == [1.0, 2.0, 3.0, 4.0]
    assert plain({"00": 7}) == {"00": 7}
