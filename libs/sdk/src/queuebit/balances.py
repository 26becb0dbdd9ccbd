"""What accounts have left, by project."""

from __future__ import annotations

from collections.abc import Mapping

from queuebit.records import Row, Table

__all__ = ["NOTHING", "by_account", "moved", "with_balances"]

NOTHING: Row = {"limit": "0.00", "held": "0.00", "spent": "0.00", "left": "0.00"}
"""An account that was never funded."""


def by_account(balances: Table) -> dict[tuple[str, str], Row]:
    """The rows of accounts in `Client.balances`, by project and currency."""
    return {(str(it["name"]), str(it["currency"])): it for it in balances if it["kind"] == "account"}


def moved(account: Mapping[str, object]) -> dict[str, str]:
    """What an account holds for jobs, what they cost, and what is left."""
    return {"held": str(account["held"]), "charged": str(account["spent"]), "left": str(account["left"])}


def with_balances(charges: Table, balances: Table) -> Table:
    """The rows of `Client.charges`, each with `budget`, `held` and `left` of the account that paid."""
    known = {
        key: {"budget": it["limit"], "held": it["held"], "left": it["left"]} for key, it in by_account(balances).items()
    }
    return Table({**row, **known.get((str(row["project"]), str(row["currency"])), {})} for row in charges)
