"""Reads and refusals on the bus, which the server answers itself: from copies of requests, its events, and its log.

A copy says what was asked, and not what was answered. The gateway may answer no request that it gets a copy of.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from queuebit_contracts.subjects import BUS_CONNECTED, BUS_REFUSED, parse
from queuebit_contracts.tenants import Role
from queuebit_contracts.topology import PLATFORM
from queuebit_gateway.access import Door
from queuebit_kernel import Unavailable
from queuebit_runtime.access_counter import Who, unverified
from queuebit_runtime.bus_log import BusLogFile
from queuebit_runtime.bus_readers import reader_of, sender_named
from queuebit_runtime.connection import Client, Msg
from queuebit_runtime.harden import listen

__all__ = ["BusDoor", "OwnerOf", "read_of"]

OwnerOf = Callable[[str], tuple[str, str, Role] | None]
"""Tenant, user and role of a public key; None if it is of no user."""

_EVENT: Final = "$JS.API.DIRECT.GET.LOG."
_PAYLOAD: Final = re.compile(
    r"\$JS\.API\.DIRECT\.GET\.KV_PAYLOADS\.\$KV\.PAYLOADS\.(?P<tenant>[^.]+)\.(?P<digest>[^.]+)(?:\.(?P<chunk>.+))?"
)
"""Content lies in chunks, and its first one counts."""
_FOLLOW: Final = "$JS.API.CONSUMER.CREATE.LOG."
_EVERY_S: Final = 1.0
_WILDCARDS: Final = ("", "*", ">")
_KINDS: Final = {
    ("job", "completed"): "result",
    ("job", "metered"): "bill",
    ("job", "corrected"): "bill",
    ("hybrid", "completed"): "result",
}
"""By noun and event: what an event of the log shows."""
_VIOLATION: Final = re.compile(
    r'.* - "(?P<account>[^ "/]+)/(?:nkey:(?P<key>U[A-Z2-7]{55})|user:(?P<login>[a-z0-9/-]+))" - '
    r'(?P<what>Publish|Subscription) Violation - Subject "(?P<subject>[^ ]*)"(?:, SID .*)?$'
)
"""The end of a line of nats-server's log. What a client chose, its name and the subject, has no blank after a quote."""

_log = logging.getLogger(__name__)


class BusDoor:
    """Counts what nats-server answers and refuses by itself."""

    def __init__(self, door: Door, owner_of: OwnerOf) -> None:
        """Count at `door`; keys are of the users that `owner_of` finds."""
        self._door = door
        self._owner_of = owner_of

    async def listen(self, client: Client, subjects: tuple[str, ...], queue: str) -> None:
        """Take copies of requests; processes that name the same queue share them."""
        for it in subjects:
            await listen(client, it, self.take, queue)

    def take(self, message: Msg) -> None:
        """Count one message."""
        subject = message.subject
        if subject.startswith(BUS_REFUSED):
            self._login_refused(message.data)
        elif subject.startswith(BUS_CONNECTED):
            self._connected(message.data)
        elif (found := read_of(subject)) is not None:
            tenant, kind, named = found
            if (who := reader_of(message, tenant)) is not None:
                self._door.read("bus", kind, named, self._named(who))

    async def follow_log(self, log: BusLogFile) -> None:
        """Count the refusals in nats-server's log, until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            with suppress(Unavailable):  # it is there again later
                for line in await log.lines():
                    self.log_line(line)

    def log_line(self, line: str) -> None:
        """Count a refusal in a line of nats-server's log; other lines say nothing."""
        if (found := _VIOLATION.fullmatch(line)) is None:
            return
        account = found["account"]
        who = self._named(sender_named(found["key"] or found["login"], PLATFORM if account.isupper() else account))
        kind = "publish" if found["what"] == "Publish" else "subscribe"
        self._door.refused("bus", kind, found["subject"], who, "not_permitted")

    def _named(self, who: Who) -> Who:
        """With the user of the key, if it is one of that tenant."""
        owner = None if who.key is None else self._owner_of(who.key)
        return replace(who, by=owner[1]) if owner is not None and owner[0] == who.tenant else who

    def _login_refused(self, body: bytes) -> None:
        """A login that the server refuses; the key or name that it gives is verified by nothing."""
        client = _client(body)
        self._door.refused("bus", "sign_in", unverified(str(client.get("user", ""))), Who(), "authentication_failed")

    def _connected(self, body: bytes) -> None:
        """A user that is connected may follow all events of its tenant: the server says no more about it."""
        client = _client(body)
        account = str(client.get("acc", ""))
        who = self._named(sender_named(str(client.get("user", "")), account))
        if who.by is not None and who.tenant == account:
            self._door.read("bus", "events", "connection", who)


def read_of(subject: str) -> tuple[str, str, str] | None:
    """Tenant, kind and object of the read that a request to the server is; None if it is none."""
    if subject.startswith(_EVENT):
        about = parse(subject.removeprefix(_EVENT))
        if about.noun == "invoice":
            return about.tenant, "invoice", about.id
        if about.event in _WILDCARDS or about.id in _WILDCARDS:  # the newest of several events, whatever it is
            return (about.tenant, "result", about.id) if about.noun in ("job", "hybrid") else None
        kind = _KINDS.get((about.noun, about.event))
        return None if kind is None else (about.tenant, kind, about.id)
    if (payload := _PAYLOAD.fullmatch(subject)) is not None:
        first = (payload["chunk"] or "") in ("0", *_WILDCARDS)
        return (payload["tenant"], "payload", payload["digest"]) if first else None
    if subject.startswith(_FOLLOW):
        return PLATFORM, "log", "LOG"
    return None


def _client(body: bytes) -> dict[str, Any]:  # the form is the server's own
    try:
        found = json.loads(body)["client"]
    except (ValueError, KeyError, TypeError):
        _log.warning("an event of nats-server cannot be read: %.200s", body.decode(errors="replace"))
        return {}
    return found if isinstance(found, dict) else {}
