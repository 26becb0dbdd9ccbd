"""Subjects: the one module that builds and parses them.

qb.job.<tenant>.<job>.<event>[.<backend>]     qb.account.<tenant>.<account>.<event>[.<job>]
qb.job.<tenant>.<job>.<event>[.<revision>]    qb.account.<tenant>.<account>.corrected.<job>-<revision>
qb.backend.<backend>.<event>                  qb.proof.<log>.<event>
qb.command.<tenant>.<job>.<verb>              qb.query.<tenant>.<question>
qb.tenant.<tenant>.<event>[.<project or user>]   qb.admin.tenants, .erase, .usage, .invoice, .bill
qb.delegation.<tenant>.<delegation>.<event>   qb.identity.<tenant>.<verb>
qb.session.<tenant>.<session>.<event>         qb.sessions.<tenant>.<verb>
qb.reservation.<tenant>.<reservation>.<event> qb.reservations.<tenant>.<verb>
qb.budget.<tenant>.<mark>.reached
qb.hybrid.<tenant>.<hybrid>.<event>           qb.output.<tenant>.<hybrid>.<kind>.<number>
qb.invoice.<tenant>.<period>.<event>[.<revision>]
qb.bill.<vendor>.<statement>.<event>[.<revision>]
qb.slo.<alert or group>.<event>.<number>      qb.silence.<silence>.<event>   qb.admin.alerting
qb.incident.<incident>.<event>[.<number>]     qb.admin.incident
qb.probe.<backend>.<event>.<run>
qb.canary.<canary>.<event>[.<number>]         qb.admin.canary
qb.leader.<service>.elected
qb.access.<tenant>.<process>.<event>.<number>
qb.profile.<stack>                            qb.dead.<durable>.<sequence>
qb.alive.<backend>   qb.config.stack.<event>   qb.replay.<durable>
qb.bus.refused.<server>   qb.bus.connected.<account>   logins, as nats-server says them
qb.trace.<service>                            qb.stored.<what follows qb.job. in the subject of a stored event>

The subject of each event type is in `catalog`, which is loaded when needed: clients build and parse without it.
Wildcards over events of the catalogue are in `wildcards`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from queuebit_kernel import require_token

if TYPE_CHECKING:
    from queuebit_contracts.catalog import AnyEvent

__all__ = [
    "BILL_REQUEST",
    "BUS_CONNECTED",
    "BUS_REFUSED",
    "CONFIG",
    "DEAD",
    "DELEGATIONS",
    "ERASE_REQUEST",
    "FLEET_REQUEST",
    "INVOICE_REQUEST",
    "ISOLATION_REQUEST",
    "QUERIES",
    "REPLAY",
    "REQUESTS",
    "TENANTS",
    "TENANTS_REQUEST",
    "USAGE_REQUEST",
    "WINDOWS_REQUEST",
    "Address",
    "Aggregate",
    "account",
    "alive",
    "backend",
    "command",
    "covers",
    "dead",
    "delegation",
    "event_name",
    "everything_of",
    "hybrid",
    "identity",
    "invoice",
    "invoices",
    "job",
    "leader",
    "of_tenant",
    "origin",
    "output",
    "parse",
    "profile",
    "proof",
    "queries",
    "query",
    "replay",
    "reservation",
    "reservations",
    "session",
    "sessions",
    "stored",
    "subject_of",
    "tenant",
    "trace",
    "vendor_bill",
]

TENANTS: Final = "qb.tenant.>"
"""All facts about tenants. Changes of tenants are guarded on it: they are few, and each sees all before it."""

CONFIG: Final = "qb.config.>"
"""All documents that were put in force. Each is guarded on it, so that of two at the same time one is refused."""

DELEGATIONS: Final = "qb.delegation.>"
"""All facts about delegated keys."""

BUS_REFUSED: Final = "qb.bus.refused."
"""Logins that nats-server refuses are published under this prefix, followed by the name of the server."""

BUS_CONNECTED: Final = "qb.bus.connected."
"""Logins that nats-server accepts are published under this prefix, followed by the account."""

QUERIES: Final = "qb.query."
"""All questions of tenants begin so."""

REQUESTS: Final = ("qb.identity.", "qb.sessions.", "qb.reservations.")
"""All requests of tenants begin so, about delegated keys, sessions and reservations."""

TENANTS_REQUEST: Final = "qb.admin.tenants"
"""The subject of the operator's requests about tenants: list them, or put a document in force."""

ERASE_REQUEST: Final = "qb.admin.erase"
"""The subject on which the operator erases contents of the payload store."""

USAGE_REQUEST: Final = "qb.admin.usage"
"""The subject on which the operator reports the usage of a job if its backend does not."""

WINDOWS_REQUEST: Final = "qb.admin.windows"
"""The subject of the operator's requests about windows of backends."""

INVOICE_REQUEST: Final = "qb.admin.invoice"
"""The subject on which the operator issues and credits invoices."""

FLEET_REQUEST: Final = "qb.admin.fleet"
"""The subject of the operator's requests about isolated backends."""

ISOLATION_REQUEST: Final = "qb.fleet.isolation"
"""The subject on which the fleet service asks the scheduler to isolate a backend, or to readmit it."""

DEAD = "qb.dead.>"
"""All dead letters."""

REPLAY = "qb.replay."
"""Dead letters come back under this prefix, followed by the name of the durable."""

BILL_REQUEST: Final = "qb.admin.bill"
"""The subject on which the operator imports a vendor's bill."""

_JOBS, _STORED = "qb.job.", "qb.stored."


class Address(NamedTuple):
    """The parts of a subject; a part that the subject does not have is empty."""

    noun: str
    """The noun, such as `job`; empty if the subject is not one of the platform."""
    tenant: str = ""
    id: str = ""
    """The id of the job, account, backend, log, stack or service."""
    event: str = ""
    """The event, question or verb."""
    qualifiers: tuple[str, ...] = ()
    """All that follows, such as the backend of a placement."""


_PLACES = {
    **dict.fromkeys(
        (
            "job",
            "stored",
            "access",
            "account",
            "command",
            "reservation",
            "delegation",
            "session",
            "hybrid",
            "invoice",
            "budget",
        ),
        (2, 3, 4, 5),
    ),
    **dict.fromkeys(("query", "tenant", "identity", "sessions", "reservations"), (2, 0, 3, 4)),
    "bill": (0, 3, 4, 5),  # the second token is a vendor, which is no tenant
    **dict.fromkeys(("profile", "alive", "replay", "trace", "dead"), (0, 2, 0, 3)),
}
"""By noun: which tokens are tenant, id and event, 0 for none; and where the qualifiers begin."""
_OTHER = (0, 2, 3, 4)
"""The same for all other nouns."""


def parse(subject: str) -> Address:
    """Take a subject apart; never fails, because the subject of a stored message is a fact.

    It says nothing about whether the tokens are plain names.
    """
    tokens = subject.split(".")
    if tokens[0] != "qb" or len(tokens) < 2:
        return Address("")
    noun, tokens[0] = tokens[1], ""
    tenant_at, id_at, event_at, rest = _PLACES.get(noun, _OTHER)
    tokens += [""] * (rest - len(tokens))
    return Address(noun, tokens[tenant_at], tokens[id_at], tokens[event_at], tuple(tokens[rest:]))


def covers(pattern: str, subject: str) -> bool:
    """Whether a subject matches a pattern with `*` and `>`; a field in braces stands for any token."""
    wanted, given = pattern.split("."), subject.split(".")
    for position, word in enumerate(wanted):
        if word == ">":
            return len(given) > position
        if position >= len(given) or not (word in ("*", given[position]) or given[position].startswith("{")):
            return False
    return len(wanted) == len(given)


@lru_cache(256)
def event_name(type_: str) -> str:
    """The event's name in its wire name, such as `placed` in `qb.job.placed.v1`; the same as in its subject.

    Raises:
        ValueError: it is no such name.
    """
    parts = type_.split(".")
    if len(parts) < 3:
        raise ValueError(f"{type_!r:.80} is not the name of an event type")
    return parts[2]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A history: all its events share one subject prefix."""

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


def delegation(tenant: str, delegation_id: str) -> Aggregate:
    """The history of a delegated key."""
    return Aggregate(f"qb.delegation.{require_token(tenant, 'tenant')}.{require_token(delegation_id, 'delegation')}")


def session(tenant: str, session_id: str) -> Aggregate:
    """The history of a session."""
    return Aggregate(f"qb.session.{require_token(tenant, 'tenant')}.{require_token(session_id, 'session')}")


def reservation(tenant: str, reservation_id: str) -> Aggregate:
    """The history of a reservation."""
    return Aggregate(f"qb.reservation.{require_token(tenant, 'tenant')}.{require_token(reservation_id, 'reservation')}")


def hybrid(tenant: str, hybrid_id: str) -> Aggregate:
    """The history of a hybrid job."""
    return Aggregate(f"qb.hybrid.{require_token(tenant, 'tenant')}.{require_token(hybrid_id, 'hybrid job')}")


def invoice(tenant: str, period: str) -> Aggregate:
    """The invoice of a tenant for a period, and its credits."""
    return Aggregate(f"qb.invoice.{require_token(tenant, 'tenant')}.{require_token(period, 'period')}")


def invoices(tenant: str) -> Aggregate:
    """All invoices of a tenant: they are few, and each depends on the one before."""
    return Aggregate(f"qb.invoice.{require_token(tenant, 'tenant')}")


def output(tenant: str, hybrid_id: str, kind: str, number: int) -> str:
    """The subject of a chunk of what a hybrid job wrote: `logs` or `metrics`, numbered from 1."""
    return Aggregate(hybrid(tenant, hybrid_id).prefix.replace("hybrid", "output", 1)).event(kind, str(number))


def backend(name: str) -> Aggregate:
    """The history of a backend."""
    return Aggregate(f"qb.backend.{require_token(name, 'backend')}")


def leader(service: str) -> Aggregate:
    """Which processes of a service led."""
    return Aggregate(f"qb.leader.{require_token(service, 'service')}")


def vendor_bill(vendor: str, statement: str) -> Aggregate:
    """What a vendor billed, or says that it will bill, for one statement."""
    return Aggregate(f"qb.bill.{require_token(vendor, 'vendor')}.{require_token(statement, 'statement')}")


def proof(log: str) -> Aggregate:
    """The heads of a transparency log."""
    return Aggregate(f"qb.proof.{require_token(log, 'log')}")


def command(tenant: str, job_id: str) -> Aggregate:
    """Requests about a job; apart from its history, so that asking never disturbs an append."""
    return Aggregate(f"qb.command.{require_token(tenant, 'tenant')}.{require_token(job_id, 'job')}")


def of_tenant(noun: str, tenant: str, event: str | None = None) -> str:
    """The wildcard over all that a tenant has of a noun, such as its jobs, or over one event of each of them."""
    every_one = f"qb.{require_token(noun, 'noun')}.{require_token(tenant, 'tenant')}"
    return f"{every_one}.>" if event is None else f"{every_one}.*.{require_token(event, 'event name')}"


def everything_of(tenant: str) -> str:
    """The wildcard over all that a tenant has, of any noun; subjects of the platform may match it too."""
    return f"qb.*.{require_token(tenant, 'tenant')}.>"


def query(question: str, tenant: str | None = None) -> str:
    """Return the subject of a query of a tenant; without a tenant, the pattern of all tenants."""
    return _request("query", question, tenant)


def queries(tenant: str | None = None) -> str:
    """Return the pattern of all queries of a tenant; without a tenant, of those of all tenants."""
    return f"qb.query.{'*' if tenant is None else require_token(tenant, 'tenant')}.*"


def identity(verb: str, tenant: str | None = None) -> str:
    """Return the subject of requests about delegated keys of a tenant; without a tenant, the pattern of all tenants."""
    return _request("identity", verb, tenant)


def sessions(verb: str, tenant: str | None = None) -> str:
    """Return the subject of requests to open or close sessions of a tenant; without a tenant, the pattern of all."""
    return _request("sessions", verb, tenant)


def reservations(verb: str, tenant: str | None = None) -> str:
    """Return the subject of requests to book or cancel reservations of a tenant; without one, the pattern of all."""
    return _request("reservations", verb, tenant)


def profile(stack: str) -> str:
    """Return the subject of profile requests to a stack."""
    return f"qb.profile.{require_token(stack, 'stack')}"


def alive(backend_id: str) -> str:
    """Return the subject on which a backend's executor answers that it runs."""
    return f"qb.alive.{require_token(backend_id, 'backend')}"


def dead(owner: str, sequence: int | None = None) -> str:
    """Return the subject of a dead letter of a durable or view; without a sequence, the pattern of all of them."""
    return f"qb.dead.{require_token(owner, 'owner')}.{'*' if sequence is None else sequence}"


def replay(durable: str) -> str:
    """Return the subject on which a durable receives replayed dead letters."""
    return REPLAY + require_token(durable, "durable")


def trace(service: str) -> str:
    """Return the subject of a service's spans."""
    return f"qb.trace.{require_token(service, 'service')}"


def stored(subject: str) -> str:
    """Return where the log publishes an event of a job, or a pattern of them, once it is stored.

    Raises:
        ValueError: it is no subject of a job.
    """
    return _replaced(subject, _JOBS, _STORED)


def origin(subject: str) -> str:
    """Return the subject of the event that was published under a subject of `stored`.

    Raises:
        ValueError: it is no such subject.
    """
    return _replaced(subject, _STORED, _JOBS)


def subject_of(event: AnyEvent) -> str:
    """Return the one subject an event may be published to, from its own data.

    Raises:
        InvalidId: a field of the data cannot be a token of a subject.
        TypeError: the type is not in the catalogue.
    """
    form, fields, revised = _form(event.type)
    subject = form % tuple([require_token(str(getattr(event.data, field)), field) for field in fields])
    if revised and event.data.revision is not None:
        return f"{subject}.{require_token(str(event.data.revision), 'revision')}"
    return subject


def _request(noun: str, verb: str, tenant: str | None) -> str:
    asked_by = "*" if tenant is None else require_token(tenant, "tenant")
    return f"qb.{noun}.{asked_by}.{require_token(verb, 'verb')}"


def _replaced(subject: str, prefix: str, other: str) -> str:
    if not subject.startswith(prefix):
        raise ValueError(f"{subject} does not begin with {prefix}")
    return other + subject[len(prefix) :]


_FIELD = re.compile(r"\{(\w+)\}")


@cache
def _form(type_: str) -> tuple[str, tuple[str, ...], bool]:
    """A subject with gaps, the fields that fill them, and whether a revision may follow."""
    from queuebit_contracts.catalog import CATALOG

    if type_ not in CATALOG:
        raise TypeError(f"{type_} has no subject: add it to the catalogue")
    entry = CATALOG[type_]
    return _FIELD.sub("%s", entry.subject), tuple(_FIELD.findall(entry.subject)), entry.revised
