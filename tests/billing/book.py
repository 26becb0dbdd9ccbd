"""The price book of the drill: what the project ships, and one price of each primitive that it ships none of."""

from __future__ import annotations

from pathlib import Path

__all__ = ["book_text"]

_FOLDER = Path(__file__).parents[2] / "contracts" / "pricebook"
_PLANS = {
    "ibm-open-plan": "north",
    "azure-quantinuum-standard-plan": "demo",
    "azure-quantinuum-premium-plan": "another",
    "azure-ionq-subscription-plan": "north",
}
"""Tenants of the drill by the placeholder of a plan."""
_HEAD = """
[[price]]
id = "{0}"
backend = "{0}"
valid_from = 2026-01-01T00:00:00Z
source = "the billing drill"
as_of = 2026-11-01
confidence = "high"
"""
_PRIMITIVES = {
    "drill-floor": 'per_shot = "0.001"\nminimum = { amount = "1.5", rule = "floor" }',
    "drill-credits-floor": (
        'per_gate_2q = "0.0001"\nminimum = { amount = "20", rule = "floor" }\ncredits = { unit = "X", price = "0.7" }'
    ),
    "drill-nearest": 'per_second = { amount = "0.3", quantum = "0.7", rounding = "nearest" }',
    "drill-down": 'per_second = { amount = "0.3", quantum = "0.7", minimum = "3", rounding = "down" }',
    "drill-reserved": 'per_task = "0.1"\nper_reserved_second = "0.0007"\nfree_when = ["reserved"]',
    "drill-charged": (
        'per_task = "0.1"\nper_second = { amount = "2" }\n'
        'charged_when = ["failed", "preempted"]\nfree_when = ["cancelled", "reserved"]'
    ),
}
_AGREEMENTS = """
[[agreement]]
id = "a-tenth"
tenant = "lab"
valid_from = 2026-01-01
source = "the billing drill"
as_of = 2026-11-01
confidence = "high"
tier = [{ prices = "braket-*", component = "shot", steps = [{ above = "5000", percent = "20" }] }]
discount = [{ prices = "*", percent = "10" }]
"""


def book_text() -> str:
    """The default book with the vendors' prices in the same currency, and their agreements for tenants of the drill."""
    default, vendors = ((_FOLDER / f"{name}.toml").read_text() for name in ("default", "vendors"))
    rows = vendors[vendors.index("[[price]]") :]
    for plan, tenant in _PLANS.items():
        rows = rows.replace(f'tenant = "{plan}"', f'tenant = "{tenant}"')
    prices = "".join(_HEAD.format(name) + terms + "\n" for name, terms in _PRIMITIVES.items())
    return f"{default}\n{prices}\n{rows}\n{_AGREEMENTS}"
