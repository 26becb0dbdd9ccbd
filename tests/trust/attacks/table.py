"""The page with the list of attacks: `python -m tests.trust.attacks.table` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.trust.attacks.cases import ATTACKS

__all__ = ["PAGE", "page"]

PAGE: Final = Path(__file__).parents[3] / "docs" / "attacks.md"

_HEAD: Final = """\
# Attacks that are tried

A test tries each of these on a running stack, from the tenant `evil`, and fails if one gets in or if its refusal is
not in the [audit trail](audit.md). The list is `tests/trust/attacks/cases.py`; this table is generated from it.

| attack | door | tried | comes back | in the audit trail |
|---|---|---|---|---|
"""


def page() -> str:
    """The page."""
    rows = [
        f"| {_cell(it.name)} | {it.door} | `{_cell(it.tried)}` | {it.answer} | {it.unseen or f'yes: `{it.code}`'} |"
        for it in ATTACKS
    ]
    return _HEAD + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    short = text if len(text) <= 90 else f"{text[:90]}…"
    return short.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
