"""The table of decisions has one row for each decision, in order."""

from __future__ import annotations

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs" / "adr"


def test_each_decision_has_its_row_in_order() -> None:
    rows = re.findall(r"^\| \[(\d{4})\]\((\1-[a-z0-9-]+\.md)\) \| ", (DECISIONS / "README.md").read_text(), re.M)
    assert [file for _, file in rows] == sorted(it.name for it in DECISIONS.glob("[0-9]*.md"))
