"""What accounts and budgets have left, as the broker answers: for the person who runs the stack."""

from __future__ import annotations

import asyncio

from queuebit.errors import QueuebitError
from queuebit.queries import ask
from queuebit.records import Table
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home

__all__ = ["balances"]


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
