"""What `qb slo` says of documents, and that the example of its page is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from queuebit_cli.main import main

_PAGE = Path(__file__).parents[3] / "docs/service-levels.md"


def test_the_example_of_the_page_is_a_document_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    (tmp_path / "torino.yaml").write_text(example)
    assert main(["slo", "check", str(tmp_path / "torino.yaml")]) == 0
    assert capsys.readouterr().out == "1 objective, and no problem: torino-success\n"


def test_an_objective_without_its_service_says_what_to_add(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    (tmp_path / "torino.yaml").write_text(example.partition("---\n")[2])
    assert main(["slo", "check", str(tmp_path / "torino.yaml")]) == 2
    said = capsys.readouterr().err
    assert "Service jobs is not there: add a document of the kind Service with this name" in said
