"""The price book of the drill: the prices that the project ships, and one agreement."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DISCOUNTED", "book_text"]

_FOLDER = Path(__file__).parents[2] / "contracts" / "pricebook"
DISCOUNTED = "lab"
"""The tenant that pays a tenth less."""
_AGREEMENT = f"""
[[agreement]]
id = "a-tenth"
tenant = "{DISCOUNTED}"
valid_from = 2026-01-01
source = "the billing drill"
as_of = 2026-11-01
confidence = "high"
discount = [{{ prices = "*", percent = "10" }}]
"""


def book_text() -> str:
    """The default book with the vendors' prices in the same currency, without their agreements."""
    default, vendors = ((_FOLDER / f"{name}.toml").read_text() for name in ("default", "vendors"))
    prices = vendors.partition("[[agreement]]")[0]
    return f"{default}\n{prices[prices.index('[[price]]') :]}\n{_AGREEMENT}"
