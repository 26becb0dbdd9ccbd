"""The tables of docs/openqasm.md are true: each program gives its outcome, or the text of its refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_quantum import CircuitError, WorkItem, open_backend, parse

_DOCUMENT = Path(__file__).parents[2] / "docs/openqasm.md"
_ROW = re.compile(r"\| (.+?) \| `(.+)` \| (.+?) \|")
_HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\nbit[3] c;\n'


def _rows(heading: str) -> Iterator[tuple[str, str, str]]:
    section = _DOCUMENT.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    for row in _ROW.finditer(section):
        yield row[1], row[2].replace("\\n", "\n"), row[3]


@pytest.mark.parametrize(("feature", "body", "outcome"), [*_rows("What runs")])
def test_a_feature_that_is_listed_runs(feature: str, body: str, outcome: str) -> None:
    circuit = parse(f"{_HEAD}{body}\nc = measure q;\n")
    if outcome == "parses":
        return
    backend = open_backend("aer")
    counts = backend.run(WorkItem(backend.compile(circuit, 1), 20, 1)).counts  # type: ignore[attr-defined]
    assert {key.split()[-1] for key in counts} == {outcome}, feature


@pytest.mark.parametrize(("feature", "body", "text"), [*_rows("What is refused")])
def test_a_feature_that_is_not_listed_is_refused_by_name_and_position(feature: str, body: str, text: str) -> None:
    with pytest.raises(CircuitError) as refusal:
        parse(f"{_HEAD}{body}\nc = measure q;\n")
    assert text in refusal.value.message, feature
    assert refusal.value.line is not None
    assert refusal.value.column is not None


def test_the_document_has_rows() -> None:
    assert len(list(_rows("What runs"))) > 20
    assert len(list(_rows("What is refused"))) > 8
