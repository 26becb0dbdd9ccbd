"""Which contents of a tenant can be erased, and what must stay: from the events of its jobs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.erasure import MOST_ERASED, ErasedContent, Erasure
from queuebit_contracts.hybrid import (
    ENDS,
    HybridAccepted,
    HybridCancelled,
    HybridCompleted,
    HybridFailed,
    HybridRejected,
    HybridSubmitted,
)
from queuebit_contracts.job import (
    TERMINAL,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobExpired,
    JobFailed,
    JobRejected,
    JobSubmitted,
)
from queuebit_contracts.subjects import parse
from queuebit_contracts.tenant import CircuitDefined
from queuebit_contracts.wildcards import every
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest

__all__ = ["Contents", "Found", "Scope", "Work", "subjects_of"]

_READ: Final[tuple[type[AnyEvent], ...]] = (
    *(JobSubmitted, JobAccepted, JobRejected, JobCompleted, JobFailed, JobCancelled, JobExpired),
    *(HybridSubmitted, HybridAccepted, HybridRejected, HybridCompleted, HybridFailed, HybridCancelled),
    CircuitDefined,
)

_Read = Callable[[Payload], Awaitable[bytes | None]]
"""Reads a content; None: it is missing, such as after an erasure."""


def subjects_of(tenant: str) -> list[str]:
    """The subjects to read."""
    return [every(it, tenant=tenant) for it in _READ]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose contents: those of a user, those of some jobs, or all of the tenant."""

    tenant: str
    user: str | None = None
    jobs: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """As the fact says it."""
        if self.user is not None:
            return f"user {self.user}"
        names = f"jobs {', '.join(self.jobs)}"
        return "the tenant" if not self.jobs else names if len(names) <= 200 else f"{len(self.jobs)} jobs"

    def has(self, work: Work) -> bool:
        """Whether a job is in it."""
        if self.user is not None and work.user != self.user:
            return False
        return not self.jobs or work.id in self.jobs


@dataclass(slots=True)
class Work:
    """A job or a hybrid job."""

    id: str
    user: str = ""
    ended: bool = False
    sequence: int = 0
    """Of its newest event that was read."""
    contents: dict[str, Payload] = field(default_factory=dict)
    """By what it is: circuit, file, result."""


@dataclass(slots=True)
class Found:
    """What can be erased, and what stays."""

    scope: Scope
    erased: dict[str, Payload] = field(default_factory=dict)
    """By digest."""
    stays: list[tuple[str, str]] = field(default_factory=list)
    """By job: what stays, and why."""
    inside_events: int = 0
    """Contents of up to 16 KiB that are in events."""
    sequence: int = 0
    unknown: tuple[str, ...] = ()
    """Jobs of the scope that the tenant does not have."""

    def erasures(self, reason: str, by: str) -> list[Erasure]:
        """The requests, each of as many contents as one may have; the same log gives the same ones."""
        contents = [ErasedContent(digest=name, size=it.size) for name, it in sorted(self.erased.items())]
        parts = [contents[at : at + MOST_ERASED] for at in range(0, len(contents), MOST_ERASED)]
        words = self.scope.words
        return [
            Erasure(
                tenant=self.scope.tenant,
                erasure=self._name(part),
                scope=words,
                contents=tuple(part),
                reason=reason,
                by=by,
            )
            for part in parts
        ]

    def _name(self, part: Sequence[ErasedContent]) -> str:
        text = "\n".join([str(self.sequence), *(it.digest for it in part)])
        return f"e{digest(text.encode()).removeprefix('sha256:')[:24]}"


class Contents:
    """Folds the events of one tenant."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self.works: dict[str, Work] = {}
        self._named: dict[str, str] = {}
        """Named circuits in use, by digest."""

    def take(self, event: AnyEvent, subject: str, sequence: int) -> None:
        """Fold one event."""
        if isinstance(event, CircuitDefined):
            name = f"circuit {event.data.circuit}@{event.data.version}"
            if event.data.state == "withdrawn":
                self._named.pop(event.data.digest, None)
            else:
                self._named[event.data.digest] = name
            return
        at = parse(subject)
        work = self.works.setdefault(at.id, Work(at.id))
        work.sequence, data = sequence, event.data
        work.user = getattr(data, "user", None) or work.user
        work.ended = work.ended or at.event in TERMINAL or at.event in ENDS
        for what in ("circuit", "file", "result"):
            if isinstance(it := getattr(data, what, None), Payload):
                work.contents[what] = it

    async def find(self, scope: Scope, read: _Read) -> Found:
        """What is in a scope. A content that other work needs stays; so does that of work that has not ended."""
        unknown = tuple(it for it in scope.jobs if it not in self.works)
        found, needed = Found(scope, unknown=unknown), dict(self._named)
        for work in self.works.values():
            if not (scope.has(work) and work.ended):
                async for it in _all(work, read):
                    needed.setdefault(it.digest, f"job {work.id}")
        for work in filter(scope.has, self.works.values()):
            found.sequence = max(found.sequence, work.sequence)
            if not work.ended:
                found.stays.append((work.id, "it has not ended: cancel it, or erase again later"))
                continue
            async for it in _all(work, read):
                if it.inline is not None:
                    found.inside_events += 1
                elif (why := needed.get(it.digest)) is not None:
                    found.stays.append((work.id, f"{it.digest[:19]}… is also of {why}"))
                else:
                    found.erased[it.digest] = it
        return found


async def _all(work: Work, read: _Read) -> AsyncIterator[Payload]:
    for it in work.contents.values():
        yield it
        if it.media_type.endswith("json"):
            content = it.inline.encode() if it.inline is not None else await read(it)
            for inner in _inner(content or b""):
                yield inner


def _inner(content: bytes) -> Iterator[Payload]:
    """The contents that a program or its results refer to."""
    try:
        waiting = [json.loads(content)] if content else []
    except (ValueError, RecursionError):
        return
    while waiting:
        match waiting.pop():
            case list() as them:
                waiting += them
            case dict() as them:
                waiting += them.values()
                if {"digest", "size", "media_type"} <= them.keys() and them.get("inline") is None:
                    try:
                        yield Payload.model_validate(them)
                    except ValidationError:
                        continue
