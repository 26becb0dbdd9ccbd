"""Counts requests of each reader until it is time for a fact about them. No clock, no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from queuebit_contracts.access import MOST_OBJECTS, Access, AccessRead, AccessRefused, Refusal
from queuebit_contracts.topology import PLATFORM

__all__ = ["APART", "Counter", "Who", "unverified"]

APART: Final = timedelta(minutes=1)
"""The least time between two facts about one reader and kind."""

_FARTHEST: Final = timedelta(hours=1)
"""The same for refusals that go on: it doubles with each fact, so that no attack can fill the log."""
_MOST: Final = 1024
"""Readers and kinds that are counted apart; all further ones of a minute are counted together."""
_LONGEST: Final = 160
"""Characters of the name of an object that was read."""
_TRIED, _LONGEST_TRIED = 8, 80
"""Objects of refusals, and their characters: a stranger may choose them."""
_OTHERS: Final = "others"
_LONGEST_NAME: Final = 70
"""Characters of a name that nothing verified, after it was escaped: a public key has 56."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who sent a request, as far as it was verified."""

    tenant: str = PLATFORM
    """`queuebit` if no tenant is known."""
    by: str | None = None
    key: str | None = None
    delegation: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """What is counted together."""

    who: Who
    door: str
    kind: str
    code: str | None
    """None for reads."""


@dataclass(slots=True)
class _Count:
    """Requests since the last fact."""

    number: int = 0
    since: datetime | None = None
    until: datetime | None = None
    objects: dict[str, None] = field(default_factory=dict)
    unnamed: int = 0
    due: datetime | None = None
    """When the next fact may be made; None: at once."""
    apart: timedelta = APART

    def add(self, named: str, most: int, now: datetime) -> None:
        self.number += 1
        self.since, self.until = self.since or now, now
        if named in self.objects or len(self.objects) < most:
            self.objects[named] = None
        else:
            self.unnamed += 1

    def is_due(self, now: datetime) -> bool:
        return self.due is None or now >= self.due


class Counter:
    """One process's counts.

    The first request of a reader gives a fact at once, and all that follow give one in a minute. So a process that is
    killed loses no reader, but at most a minute of repeated reads. What a stranger may vary makes no rows of its own:
    refusals of unknown callers are counted by door, kind and code.
    """

    def __init__(self, service: str, process: str) -> None:
        """Count for a process of a service; `process` is a name that no other process ever has."""
        self._source = f"qb/{service}"
        self._process = process
        self._rows: dict[_Row, _Count] = {}
        self._facts = 0

    def read(self, door: str, kind: str, named: str, who: Who, now: datetime) -> None:
        """Count a read of an object."""
        self._add(_Row(who, door, kind, None), named, now)

    def refused(self, door: str, kind: str, named: str, who: Who, code: str, now: datetime) -> None:
        """Count a refusal; `named` says what was tried."""
        self._add(_Row(who, door, kind, _plain(code)[:64]), named, now)

    def facts(self, now: datetime, *, everything: bool = False) -> list[AccessRead | AccessRefused]:
        """The facts that are due, or at the end of a process all; what they say is counted no more."""
        found = [
            self._fact(row, count, now)
            for row, count in self._rows.items()
            if count.number and (everything or count.is_due(now))
        ]
        for row in [row for row, count in self._rows.items() if not count.number and count.is_due(now)]:
            del self._rows[row]
        return found

    def _add(self, row: _Row, named: str, now: datetime) -> None:
        if row not in self._rows and len(self._rows) >= _MOST:
            row = _Row(Who(by=_OTHERS), row.door, _OTHERS, row.code and _OTHERS)
        most, longest = (MOST_OBJECTS, _LONGEST) if row.code is None else (_TRIED, _LONGEST_TRIED)
        self._rows.setdefault(row, _Count()).add(_plain(named)[:longest], most, now)

    def _fact(self, row: _Row, count: _Count, now: datetime) -> AccessRead | AccessRefused:
        self._facts += 1
        fields = {
            "tenant": row.who.tenant,
            "process": self._process,
            "number": self._facts,
            "door": row.door,
            "kind": row.kind,
            "by": row.who.by,
            "key": row.who.key,
            "delegation": row.who.delegation,
            "since": count.since,
            "until": count.until,
            "count": count.number,
            "objects": tuple(count.objects),
            "unnamed": count.unnamed,
        }
        apart = count.apart if row.code is None else min(2 * count.apart, _FARTHEST)
        self._rows[row] = _Count(due=now + count.apart, apart=apart)
        if row.code is None:
            return AccessRead(source=self._source, time=now, data=Access.model_validate(fields))
        refusal = Refusal.model_validate({**fields, "code": row.code})
        return AccessRefused(source=self._source, time=now, data=refusal)


def unverified(name: str) -> str:
    """A name that a stranger gave, as a text of JSON in ASCII: in quotes, escaped, and cut where it is long."""
    kept = ""
    for it in name:
        escaped = json.dumps(it, ensure_ascii=True)[1:-1]
        if len(kept) + len(escaped) > _LONGEST_NAME:
            return f'"{kept}..."'
        kept += escaped
    return f'"{kept}"'


def _plain(text: str) -> str:
    """Without control characters, and without halves of characters, which no JSON text may have."""
    return "".join(_shown(text[: 2 * _LONGEST]))


def _shown(text: str) -> Iterator[str]:
    for it in text:
        yield it if it.isprintable() else "�"
