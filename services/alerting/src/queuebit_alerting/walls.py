"""Tenants that ask for what belongs to another one: a ticket for each, from the refusals in the log of the bus."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence

__all__ = ["Attempt", "WallsTried", "attempt_of", "without_checks"]

_LASTS: Final = timedelta(days=1)
"""How long after the last attempt the alert ends."""
_WHOLE: Final = timedelta(seconds=5)
"""After so long, the log has all lines of a check."""
_MOST: Final = 1000
"""Attempts that are kept of each tenant."""

_LINE = re.compile(
    r"(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?:\.\d+)? \[ERR\] .*?- cid:(?P<cid>\d+) - .*"
    r'"(?P<tenant>[a-z0-9-]{1,64})/(?:nkey:(?P<key>U[A-Z2-7]{55})|user:(?P<login>[a-z0-9/-]{1,200}))" - '
    r"(?:Publish|Subscription) Violation - "
    r'Subject "(?P<subject>[^"]{1,500})"'
)
_OF_TENANT = re.compile(
    r"(?:^|\.)(?:qb\.(?:account|budget|delegation|hybrid|identity|invoice|job|output|query|reservation|session|sessions"
    r"|stored|tenant)|\$KV\.PAYLOADS)\.(?P<owner>[a-z0-9-]+|\*|>)(?:\.|$)"
)
_CHECK = re.compile(
    r"(?:\$JS\.API\.DIRECT\.GET\.LOG\.)?qb\.(?:job|stored)\.[a-z0-9-]+\.>|qb\.job\.[a-z0-9-]+\.wall-probe\.submitted"
    r"|qb\.query\.[a-z0-9-]+\.jobs|\$JS\.API\.DIRECT\.GET\.KV_PAYLOADS\.\$KV\.PAYLOADS\.queuebit-decisions\.0{64}\.0"
)
"""What `qb verify` tries, to see that it is refused."""
_TRIES: Final = 6
"""How many these are."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that the bus refused, since it names another tenant."""

    at: datetime
    connection: str
    tenant: str
    """Whose credential was used."""
    key: str
    owner: str
    """Whose the subject is; `*` or `>` for those of all tenants."""
    subject: str


class WallsTried:
    """A tenant tried to read or write what is another one's, within a day.

    A subject of its own that its role forbids is no attempt, and neither is what `qb verify` tries.
    """

    def __init__(self, lines: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Prepare; `lines` returns new lines of the log of the bus, and raises `Unavailable`."""
        self._lines = lines
        self._open: list[Attempt] = []
        """Those that may belong to a check."""
        self._tried: dict[str, list[Attempt]] = {}
        """By tenant."""

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each tenant that tried; see `SignalSource`."""
        self._open += filter(None, map(attempt_of, await self._lines()))
        first: dict[str, datetime] = {}
        for it in self._open:
            first.setdefault(it.connection, it.at)
        # Not the last attempt: a connection that never stops trying would never be whole.
        whole = {it for it, at in first.items() if not timedelta(0) <= now - at < _WHOLE}
        for it in without_checks([it for it in self._open if it.connection in whole]):
            self._tried.setdefault(it.tenant, []).append(it)
        self._open = [it for it in self._open if it.connection not in whole]
        return [self._signal(tenant, now) for tenant in sorted(self._tried)]

    def _signal(self, tenant: str, now: datetime) -> Signal:
        labels = {
            "alertname": "DataLeakAttempt", "severity": "ticket", "source": "walls", "owner": "security",
            "tenant": tenant,
        }  # fmt: skip
        mine = self._tried[tenant] = [it for it in self._tried[tenant] if now - it.at < _LASTS][-_MOST:]
        if not mine:
            return Signal(labels, {}, firing=False, at=now)
        owners = ", ".join(sorted({"all tenants" if it.owner in "*>" else it.owner for it in mine})[:5])
        keys = ", ".join(sorted({it.key for it in mine})[:3])
        summary = f"{tenant}: {len(mine):,} requests for what belongs to {owners} were refused; key {keys}"
        return Signal(
            labels,
            {"summary": summary},
            firing=True,
            at=now,
            evidence=Evidence(since=mine[0].at),
            values={"requests": str(len(mine)), "subject": mine[-1].subject[:200], "key": mine[-1].key},
        )


def attempt_of(line: str) -> Attempt | None:
    """The refused request for another tenant's subject of which a line of nats-server says something, or None.

    Its time is the local one of the machine.
    """
    if "Violation" not in line or (found := _LINE.search(line)) is None:
        return None
    wanted = _OF_TENANT.search(found["subject"])
    if wanted is None or wanted["owner"] == found["tenant"]:
        return None
    at = datetime.strptime(found["at"], "%Y/%m/%d %H:%M:%S").astimezone(UTC)
    return Attempt(at, found["cid"], found["tenant"], found["key"] or found["login"], wanted["owner"], found["subject"])


def without_checks(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The attempts, without those of connections that try what `qb verify` tries, once, and nothing else."""
    of: dict[tuple[str, str], list[Attempt]] = {}
    for it in attempts:
        of.setdefault((it.connection, it.key), []).append(it)
    checks = {
        name
        for name, them in of.items()
        if sum(".wall-probe." in it.subject for it in them) == 1
        and all(_CHECK.fullmatch(it.subject) for it in them)
        and len({it.subject for it in them}) == len(them) <= _TRIES
    }
    return [it for name, them in of.items() if name not in checks for it in them]
