"""The analyst's page: it names every view and column of the engine, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .warehouse import Warehouse

pytestmark = pytest.mark.server

PAGE = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text()


def _documented() -> dict[str, list[str]]:
    sections = re.split(r"^### (\w+)$", PAGE, flags=re.MULTILINE)[1:]
    tables = {name: text.split("\n## ")[0] for name, text in zip(sections[::2], sections[1::2], strict=True)}
    cells = {name: re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name, text in tables.items()}
    return {name: [it for cell in found for it in re.findall(r"`(\w+)`", cell)] for name, found in cells.items()}


def test_every_column_is_explained_once(warehouse: Warehouse) -> None:
    for view, columns in _documented().items():
        found = [it["name"] for it in warehouse.ask(f"DESCRIBE TABLE {view}")]
        assert sorted(columns) == sorted(found), view
