"""Questions to the services: `qb.query.<tenant>.<question>`. For a tenant's user and for the operator alike."""

from __future__ import annotations

import json

from queuebit.errors import Reason, Refused
from queuebit.records import Table
from queuebit.transport import Transport
from queuebit_contracts.subjects import query

__all__ = ["ask"]

_ASK_S = 15.0


async def ask(transport: Transport, tenant: str, question: str, **asked: object) -> Table:
    """The rows of an answer.

    Args:
        transport: a connection whose user may ask this.
        tenant: about whom.
        question: such as `jobs` or `balances`.
        asked: fields of the question; those that are None are left out.

    Raises:
        Refused: the service says why it has no answer.
        Unreachable: no service answered.
    """
    body = json.dumps({name: value for name, value in asked.items() if value is not None}).encode()
    reply = await transport.request(query(question, tenant), body, timeout=_ASK_S)
    answer = json.loads(reply.body)
    if error := answer.get("error"):
        raise Refused([Reason(error["code"], error["text"])])
    table = Table(dict(row) for row in answer.get("rows", ()))
    if advice := answer.get("advice"):
        table.advice = Reason(advice["code"], advice["text"])
    return table
