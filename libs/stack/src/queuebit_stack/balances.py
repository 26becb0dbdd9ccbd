"""What accounts and budgets have left, as the broker answers: for the person who runs the stack."""

from __future__ import annotations

import asyncio

from queuebit.errors import QueuebitError
from queuebit.queries import ask
from queuebit.records import Table
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

__all__ = ["balances", "budgets"]


def balances(home: Home, tenant: str) -> Table | None:
    """The rows of `qb.query.<tenant>.balances`; None while the broker cannot be asked."""

    async def asked() -> Table:
        transport = operator_of(home)
        try:
            return await ask(transport, tenant, "balances")
        finally:
            await transport.close()

    try:
        return asyncio.run(asked())
    except (QueuebitError, Stop, OSError):
        return None


def budgets(home: Home, tenant: str | None, name: str | None) -> Table:
    """The rows of budgets: of a tenant or of all, which the rows then name; of one name or of every name.

    Raises:
        Stop: the broker cannot be asked.
    """
    home.require()
    found = Table()
    for each in read_tenants(home).tenant if tenant is None else (tenant,):
        rows = balances(home, each)
        if rows is None:
            raise Stop(Exit.UNREACHABLE, "only the broker knows what is left: start the stack with `qb up`")
        named = {"tenant": each} if tenant is None else {}
        found += [named | it for it in rows if it["kind"] == "budget" and name in (None, it["name"])]
    return found
