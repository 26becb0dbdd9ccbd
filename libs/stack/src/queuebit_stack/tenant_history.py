"""Who changed a tenant, what, and when: its facts one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from queuebit.transport import Reply
from queuebit_contracts import subjects
from queuebit_contracts.catalog import decode
from queuebit_contracts.topology import LOG
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed, Money, rfc3339
from queuebit_stack.tenant_facts import Operator

__all__ = ["Change", "changes_of", "history_of", "in_words"]

Change = dict[str, object]
"""One fact: `at`, `by`, `what`, and in `changed` each field that is not as it was, as it was and as it is."""

_GET = f"$JS.API.DIRECT.GET.{LOG}"


class _Transport(Protocol):
    async def request(self, subject: str, body: bytes) -> Reply: ...


async def changes_of(transport: _Transport, tenant: str) -> list[Change]:
    """All facts about a tenant, its projects and its users, oldest first.

    Raises:
        Unreachable: the server does not answer.
    """
    found: list[Change] = []
    known: dict[str, dict[str, object]] = {}
    after = 0
    while True:
        wanted = {"seq": after + 1, "next_by_subj": subjects.tenant(tenant).everything}
        reply = await transport.request(_GET, json.dumps(wanted).encode())
        if "Nats-Sequence" not in reply.headers:
            return found
        after = int(reply.headers["Nats-Sequence"])
        found.append(_change(reply, after, known))


def history_of(operator: Operator, tenant: str) -> list[Change]:
    """The same, over a connection that is opened and closed for it."""

    async def asked() -> list[Change]:
        transport = operator()
        try:
            return await changes_of(transport, tenant)
        finally:
            await transport.close()

    return asyncio.run(asked())


def in_words(changed: object) -> str:
    """What a change did to each field, in one line: `role viewer → admin, budgets none → tenant 50.00 USD`."""
    if not isinstance(changed, dict):
        return ""
    return ", ".join(
        f"{name} {_value(name, new)}" if old is None else f"{name} {_value(name, old)} → {_value(name, new)}"
        for name, (old, new) in changed.items()
    )


def _value(name: str, value: object) -> str:
    match name, value:
        case "backends", []:
            return "all"
        case "budget", str():  # of a project, whose currency is another field
            return Money.of(value).text()
        case "keys", [*keys]:  # by their beginning, which is what `qb tenant token revoke` takes
            return ", ".join(str(it)[:9] for it in keys) or "none"
        case _, [*values]:
            return ", ".join(map(_plain, values)) or "none"
        case "claims", {}:
            return ", ".join(f"{claim} {pattern}" for claim, pattern in value.items())
        case _, {}:
            return ", ".join(f"{what} {_entry(it)}" for what, it in value.items()) or "none"
        case _:
            return str(value)


def _entry(value: object) -> str:
    return _limit(value) if isinstance(value, Mapping) and "amount" in value else _plain(value)


def _plain(value: object) -> str:
    """Part of a document, such as of an objective."""
    if isinstance(value, Mapping):
        return f"({', '.join(f'{name} {_plain(it)}' for name, it in value.items())})"
    return f"[{', '.join(map(_plain, value))}]" if isinstance(value, list) else str(value)


def _limit(limit: Mapping[str, Any]) -> str:
    """A budget or a grant: its amount, and what else it says."""
    terms = [str(Money.of(limit["amount"], limit["currency"])), *filter(None, [limit.get("window")])]
    terms += ["warns only"] if limit.get("soft") else []
    terms += [f"announced at {' '.join(limit['warn_at'])}"] if limit.get("warn_at") else []
    terms += [f"for {limit['project']}"] if limit.get("project") else []
    terms += [f"until {limit['expires']}"] if limit.get("expires") else []
    return " ".join(terms)


def _change(reply: Reply, sequence: int, known: dict[str, dict[str, object]]) -> Change:
    at, subject = datetime.fromisoformat(reply.headers["Nats-Time-Stamp"]), reply.headers["Nats-Subject"]
    address = subjects.parse(subject)
    noun, _, verb = address.event.rpartition("_")
    what = " ".join([noun or "tenant", *address.qualifiers, verb])
    change: Change = {"sequence": sequence, "at": rfc3339(at), "what": what}
    try:
        event = decode(reply.body, subject)
    except Malformed:
        return {**change, "by": "", "changed": {}}
    if isinstance(event, UnknownEvent):
        return {**change, "by": "", "changed": {}}
    own = {"tenant", "by", noun}  # an issuer also has a user and a project, which are rules
    fields = event.data.model_dump(mode="json", exclude=own)
    place = f"{noun} {address.qualifiers}"
    changed = {name: [old, new] for name, old, new in _differences(known.get(place, {}), fields)}
    if verb == "defined":
        known[place] = fields
    else:
        known.pop(place, None)
    return {**change, "by": event.data.by, "changed": changed}


def _differences(old: dict[str, object], new: dict[str, object]) -> Iterator[tuple[str, object, object]]:
    for name, value in new.items():
        if value != old.get(name):
            yield name, old.get(name), value
