"""Who sent a request over the bus, as nats-server says it."""

from __future__ import annotations

import json

from queuebit_contracts.topology import inbox_of
from queuebit_runtime.access_counter import Who
from queuebit_runtime.connection import Msg

__all__ = ["reader_of", "sender_named"]

_SENDER = "Nats-Request-Info"
"""The header that nats-server writes for requests of tenants' users, in the place of any that the client sent."""
_OPERATOR = inbox_of("operator") + "."


def sender_named(name: str, tenant: str) -> Who:
    """Who a user of the bus is, by the server's name: its key, or `<tenant>/<user>/<delegation>` with a token."""
    match name.split("/"):
        case [own, user, delegation]:
            return Who(own, by=user, delegation=delegation)
    return Who(tenant, key=name)


def reader_of(message: Msg, tenant: str) -> Who | None:
    """The user of a tenant, or the operator; None if it is a service, which counts at its own door for whom it asks.

    A request of the operator is one that only its inbox can be answered to: a service could send it, and not read it.

    Args:
        message: the request.
        tenant: whose objects it asks for.
    """
    if (said := (message.headers or {}).get(_SENDER)) is not None:
        try:
            sender = json.loads(said)
            return sender_named(str(sender["user"]), tenant)
        except (KeyError, TypeError, ValueError):
            return Who(tenant)
    return Who(tenant, by="operator") if message.reply.startswith(_OPERATOR) else None
