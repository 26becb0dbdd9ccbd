"""Programs that were once read wrongly, or refused wrongly, with what they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.differential.compare import distribution, ours, reference

_GOLDENS = sorted((Path(__file__).parents[2] / "libs/quantum/tests/golden").glob("*.qasm"))


def test_there_are_goldens() -> None:
    assert _GOLDENS


@pytest.mark.parametrize("path", _GOLDENS, ids=lambda path: path.stem)
def test_a_program_that_was_once_read_wrongly(path: Path) -> None:
    """Both Queuebit and the reference interpreter give the distribution that is written beside the program."""
    source = path.read_text()
    expected = pytest.approx(json.loads(path.with_suffix(".json").read_text()))
    assert distribution(reference(source)) == expected
    assert distribution(ours(source)) == expected
