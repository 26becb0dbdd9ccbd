"""Which documents were applied, by whom, and what they changed: the records in the log."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from queuebit_contracts.catalog import CATALOG, decode, wire_name
from queuebit_contracts.config import ConfigApplied
from queuebit_contracts.topology import LOG
from queuebit_kernel import Malformed, rfc3339

if TYPE_CHECKING:
    from queuebit.nats_transport import NatsTransport
    from queuebit.transport import Reply

__all__ = ["Record", "applications", "last_application"]

Record = dict[str, object]
"""One application: `sequence`, `at`, and the fields of the event."""

_GET = f"$JS.API.DIRECT.GET.{LOG}"
_SUBJECT = CATALOG[wire_name(ConfigApplied)].subject


async def applications(transport: NatsTransport) -> list[Record]:
    """All applications, oldest first; closes the connection.

    Raises:
        Unreachable: the server does not answer.
    """
    found: list[Record] = []
    after = 0
    try:
        while True:
            wanted = {"seq": after + 1, "next_by_subj": _SUBJECT}
            reply = await transport.request(_GET, json.dumps(wanted).encode())
            if "Nats-Sequence" not in reply.headers:
                return found
            after = int(reply.headers["Nats-Sequence"])
            found.append(_record(reply, after))
    finally:
        await transport.close()


async def last_application(transport: NatsTransport) -> int:
    """The sequence of the last application, 0 for none; closes the connection.

    Raises:
        Unreachable: the server does not answer.
    """
    try:
        reply = await transport.request(_GET, json.dumps({"last_by_subj": _SUBJECT}).encode())
        return int(reply.headers.get("Nats-Sequence", 0))
    finally:
        await transport.close()


def _record(reply: Reply, sequence: int) -> Record:
    found: Record = {"sequence": sequence, "at": rfc3339(datetime.fromisoformat(reply.headers["Nats-Time-Stamp"]))}
    try:
        event = decode(reply.body)
    except Malformed:
        return {**found, "by": "", "changes": []}
    if not isinstance(event, ConfigApplied):
        return {**found, "by": "", "changes": []}
    return {**found, **event.data.model_dump(mode="json")}
