"""What projects have left: the sums of their accounts' events, as the warehouse holds them."""

from __future__ import annotations

import json

from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack
from queuebit_stack.warehouse import query

__all__ = ["NOTHING", "Accounts", "accounts"]

Accounts = dict[tuple[str, str], dict[str, str]]
"""By project and currency: `budget`, `held`, `charged` and `left`, exact decimals as text."""

NOTHING = {"budget": "0", "held": "0", "charged": "0", "left": "0"}
"""An account that was never funded."""

_SUMS = """
SELECT name, currency, sum(funded) AS budget, sum(held) AS held, sum(charged) AS charged, budget - held - charged
FROM (
    SELECT
        if(type = 'qb.job.metered.v1', project, account) AS name,
        if(type = 'qb.job.metered.v1', 'charge', 'amount') AS what,
        JSONExtractString(data, what, 'currency') AS currency,
        toDecimal128(JSONExtractString(data, what, 'amount'), 18) AS amount,
        if(type = 'qb.account.funded.v1', amount, 0) AS funded,
        if(type = 'qb.account.held.v1', amount, 0) AS held,
        if(type = 'qb.job.metered.v1', amount, 0) AS charged
    FROM events FINAL
    WHERE tenant = {tenant:String} AND (
        type IN ('qb.account.funded.v1', 'qb.job.metered.v1')
        OR type = 'qb.account.held.v1' AND job NOT IN (
            SELECT job FROM events
            WHERE tenant = {tenant:String} AND type IN ('qb.job.metered.v1', 'qb.account.released.v1'))))
GROUP BY name, currency
"""
"""A job's money is held until it is metered or given back whole; what is metered is charged."""


def accounts(home: Home, tenant: str) -> Accounts | None:
    """The accounts of a tenant's projects; nothing while the warehouse cannot be asked."""
    try:
        status, body = query(home, running_stack(home), _SUMS, tenant=tenant)
    except Stop:
        return None
    if status != 200:
        return None
    return {
        (project, currency): dict(zip(NOTHING, sums, strict=True))
        for project, currency, *sums in json.loads(body)["data"]
    }
