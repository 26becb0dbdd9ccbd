"""Subjects: the one module that builds and parses them.

qb.job.<tenant>.<job>.<event>[.<backend>]     qb.account.<tenant>.<account>.<event>[.<job>]
qb.job.<tenant>.<job>.<event>[.<revision>]    qb.account.<tenant>.<account>.corrected.<job>-<revision>
qb.backend.<backend>.<event>                  qb.proof.<log>.<event>
qb.command.<tenant>.<job>.<verb>              qb.query.<tenant>.<question>
qb.tenant.<tenant>.<event>[.<project or user>]   qb.admin.tenants
qb.profile.<stack>                            qb.dead.<durable>.<sequence>
qb.alive.<backend>                            qb.replay.<durable>
qb.trace.<service>

The subject of each event type is in `catalog`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from queuebit_contracts.catalog import CATALOG, AnyEvent, wire_name
from queuebit_kernel import require_token

__all__ = [
    "TENANTS",
    "TENANTS_REQUEST",
    "Address",
    "Aggregate",
    "account",
    "appended_by",
    "backend",
    "command",
    "covers",
    "every",
    "job",
    "named",
    "parse",
    "proof",
    "subject_of",
    "tenant",
]

TENANTS: Final = "qb.tenant.>"
"""All facts about tenants. Changes of tenants are guarded on it: they are few, and each sees all before it."""

TENANTS_REQUEST: Final = "qb.admin.tenants"
"""Where the operator asks which tenants there are, and puts a document in force."""


class Address(NamedTuple):
    """The parts of a subject; a part that the subject does not have is empty."""

    noun: str
    """What it is about, such as `job`; empty if the subject is none of the platform's."""
    tenant: str = ""
    id: str = ""
    """Of the job, account, backend, log, stack or service that the noun means."""
    event: str = ""
    """The event, question or verb."""
    qualifiers: tuple[str, ...] = ()
    """All that follows, such as the backend of a placement."""


_TENANTS_OWN = frozenset({"job", "account", "command", "reservation"})
"""Nouns whose subjects name a tenant, then an id, then an event."""
_ABOUT_A_TENANT = frozenset({"query", "tenant"})
"""Nouns whose subjects name a tenant, then an event."""
_NAMED = frozenset({"profile", "alive", "replay", "trace", "dead"})
"""Nouns whose subjects name an id alone. Subjects of all other nouns name an id, then an event."""


def parse(subject: str) -> Address:
    """Take a subject apart; never fails, because the subject of a stored message is a fact.

    It says nothing about whether the tokens are plain names.
    """
    root, *tokens = subject.split(".")
    if root != "qb" or not tokens:
        return Address("")
    noun, *rest = tokens
    given = (*rest, "", "", "")
    if noun in _TENANTS_OWN:
        return Address(noun, given[0], given[1], given[2], tuple(rest[3:]))
    if noun in _ABOUT_A_TENANT:
        return Address(noun, given[0], "", given[1], tuple(rest[2:]))
    if noun in _NAMED:
        return Address(noun, "", given[0], "", tuple(rest[1:]))
    return Address(noun, "", given[0], given[1], tuple(rest[2:]))


def covers(pattern: str, subject: str) -> bool:
    """Whether a subject matches a pattern with `*` and `>`; a field in braces stands for any token."""
    wanted, given = pattern.split("."), subject.split(".")
    for position, word in enumerate(wanted):
        if word == ">":
            return len(given) > position
        if position >= len(given) or not (word in ("*", given[position]) or given[position].startswith("{")):
            return False
    return len(wanted) == len(given)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A history: one prefix under which all its events lie."""

    prefix: str

    @property
    def everything(self) -> str:
        """The wildcard over the history; what an append is guarded on."""
        return f"{self.prefix}.>"

    def event(self, name: str, qualifier: str | None = None) -> str:
        """The subject of one event of this history."""
        require_token(name, "event name")
        if qualifier is None:
            return f"{self.prefix}.{name}"
        return f"{self.prefix}.{name}.{require_token(qualifier, 'qualifier')}"


def job(tenant: str, job_id: str) -> Aggregate:
    """The history of a job."""
    return Aggregate(f"qb.job.{require_token(tenant, 'tenant')}.{require_token(job_id, 'job')}")


def account(tenant: str, name: str) -> Aggregate:
    """The ledger of a project's account."""
    return Aggregate(f"qb.account.{require_token(tenant, 'tenant')}.{require_token(name, 'account')}")


def tenant(name: str) -> Aggregate:
    """The facts about a tenant, its projects and its users."""
    return Aggregate(f"qb.tenant.{require_token(name, 'tenant')}")


def backend(name: str) -> Aggregate:
    """The history of a backend."""
    return Aggregate(f"qb.backend.{require_token(name, 'backend')}")


def proof(log: str) -> Aggregate:
    """The heads of a transparency log."""
    return Aggregate(f"qb.proof.{require_token(log, 'log')}")


def command(tenant: str, job_id: str) -> Aggregate:
    """Requests about a job; apart from its history, so that asking never disturbs an append."""
    return Aggregate(f"qb.command.{require_token(tenant, 'tenant')}.{require_token(job_id, 'job')}")


def every(event: type[AnyEvent], **known: str) -> str:
    """The wildcard over all events of a type, or those with the given tokens: `every(JobPlaced, backend="aer")`."""
    return _wildcard(CATALOG[wire_name(event)].subject, {field: require_token(it) for field, it in known.items()})


def appended_by(who: str, **known: str) -> list[str]:
    """The wildcards over all types that a service, or `client`, appends; `known` fills fields as given."""
    return [_wildcard(subject, known) for it in CATALOG.values() if who in it.appended_by for subject in it.subjects]


def named(name: str) -> list[str]:
    """The wildcards that `<noun>.<event>` stands for, or `<noun>.ended` for all terminal events; else the text itself.

    Raises:
        ValueError: it has this form, and the catalogue has no such event.
    """
    if name.count(".") != 1 or name.endswith(">"):
        return [name]
    noun, event = name.split(".")
    found = [it for it in CATALOG.values() if parse(it.subject).noun == noun]
    found = [it for it in found if it.name == event or (event == "ended" and it.terminal)]
    if not found:
        raise ValueError(f"{name} is no event of the catalogue: see queuebit_contracts.catalog")
    return [_wildcard(subject, {}) for it in found for subject in it.subjects]


def _wildcard(subject: str, known: Mapping[str, str]) -> str:
    tokens = subject.split(".")
    covered = [known.keys() >= {*_FIELD.findall(token)} for token in tokens]
    return ".".join(
        _FIELD.sub(lambda it: known[it[1]], token) if whole else "*"
        for token, whole in zip(tokens, covered, strict=True)
    )


_FIELD = re.compile(r"\{(\w+)\}")


@cache
def _form(type_: str) -> tuple[str, tuple[str, ...]]:
    """A subject with gaps, and the fields that fill them."""
    entry = CATALOG[type_]
    return _FIELD.sub("%s", entry.subject), tuple(_FIELD.findall(entry.subject))


def subject_of(event: AnyEvent) -> str:
    """Return the one subject an event may be published to, from its own data.

    Raises:
        InvalidId: a field of the data cannot be a token of a subject.
        TypeError: the type is not in the catalogue.
    """
    if event.type not in CATALOG:
        raise TypeError(f"{event.type} has no subject: add it to the catalogue")
    form, fields = _form(event.type)
    subject = form % tuple([require_token(str(getattr(event.data, field)), field) for field in fields])
    if CATALOG[event.type].revised and event.data.revision is not None:
        return f"{subject}.{require_token(str(event.data.revision), 'revision')}"
    return subject
