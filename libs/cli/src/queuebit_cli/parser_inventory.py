"""The grammar of `qb inventory`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["inventory_commands"]


def inventory_commands(words: Group) -> None:
    """The workload inventory."""
    text = "projects with owner, purpose, impact, risk class, last run, cost and residency"
    inventory = words.command("inventory", "inventory:inventory", text)
    inventory.add_argument("--tenant", metavar="T", help="of this tenant; without it of all")
    inventory.add_argument("--csv", action="store_true", help="CSV")
