"""Audit records: who did what to what, when, why, and from where."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from queuebit_audit_trail.actions import ACTIONS, VOCABULARY, named
from queuebit_audit_trail.details import detail_of
from queuebit_contracts.access import Access
from queuebit_contracts.billing import Charge
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Amount, Reason, UnknownEvent, Wire
from queuebit_kernel import Json, rfc3339

__all__ = ["Record", "Selection", "record_of"]

_AMOUNTS = ("amount", "delta", "charge", "settled", "totals")
"""The fields of data with an amount of money, in this order."""
_NAMED = 3
"""How many objects of reads or refusals `object` names."""


@dataclass(frozen=True, slots=True)
class Record:
    """One action."""

    sequence: int
    """Of its event in the log."""
    at: str
    """When, by the clock of its author."""
    stored_at: str
    """When the log stored it."""
    tenant: str | None
    """Whose; None for an action on the platform itself."""
    actor: str
    """The person by name; else the public key that signed; else the service. `unknown` if nothing says who tried."""
    key: str | None
    """The public key that signed."""
    delegation: str | None
    """The delegation that the key comes from."""
    service: str
    """From where: which process wrote the event, such as `broker`; `client` for a signed request of a user."""
    action: str
    about: str
    object: str
    outcome: str
    """`done`, `requested`, `refused` or `failed`."""
    detail: str | None
    """What it sets, such as the role of a user or the limits of a tenant; at most 1,000 characters."""
    reason: str | None
    amount: str | None
    event: str
    """The id of the event."""
    type: str
    trace: str | None
    """W3C trace context: connects the record with the requests that led to it."""
    door: str | None = None
    """Of reads and refusals: where, `gateway` or `bus`."""
    since: str | None = None
    """Of reads and refusals: when the first of them was; `at` is when they were counted."""
    count: int | None = None
    """Of reads and refusals: how many."""
    objects: tuple[str, ...] | None = None
    """Of reads and refusals: different objects, at most 32."""
    vocabulary: str = VOCABULARY

    def document(self) -> dict[str, Json]:
        """The record as JSON, without what it does not say."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        return found if self.objects is None else found | {"objects": [*self.objects]}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records are wanted; what is None is not asked for."""

    tenant: str | None = None
    """Only records of this tenant; those of the platform are not among them."""
    since: datetime | None = None
    """Only records that the log stored then or later."""
    until: datetime | None = None
    """Only records that the log stored before."""
    actor: str | None = None
    """Only records of this person, service or public key."""
    action: str | None = None
    """An action such as `account.fund`, a noun such as `account`, or what it is about, such as `money`."""

    def takes(self, record: Record) -> bool:
        """Whether a record is wanted."""
        return (
            (self.tenant is None or record.tenant == self.tenant)
            and (self.since is None or record.stored_at >= rfc3339(self.since))
            and (self.until is None or record.stored_at < rfc3339(self.until))
            and (self.actor is None or self.actor in (record.actor, record.key))
            and (self.action is None or named(self.action, record.action, record.about))
        )


def record_of(event: Decoded, sequence: int, stored_at: datetime) -> Record | None:
    """The record of an event; None if the event is no action, or of an unknown type."""
    if isinstance(event, UnknownEvent) or (rule := ACTIONS.get(event.type)) is None:
        return None
    data: Wire = event.data
    access = data if isinstance(data, Access) else None
    signed = getattr(data, "proof", None)
    key = access.key if access else getattr(signed, "key", None)
    service = event.source.removeprefix("qb/")
    tenant = getattr(data, "tenant", None)
    return Record(
        sequence=sequence,
        at=rfc3339(event.time),
        stored_at=rfc3339(stored_at),
        tenant=None if access and tenant == PLATFORM else tenant,
        actor=getattr(data, rule.actor, None) or key or ("unknown" if access else service),
        key=key,
        delegation=getattr(data, "delegation", None) or getattr(signed, "delegation", None),
        service=service,
        action=rule.name,
        about=rule.about,
        object=rule.object.format(**vars(data), named=_named(access)).strip(),
        outcome=rule.outcome,
        detail=detail_of(data),
        reason=next((found for name in rule.why if (found := _words(getattr(data, name, None)))), None),
        amount=next((_money(found) for name in _AMOUNTS if (found := getattr(data, name, None))), None),
        event=event.id,
        type=event.type,
        trace=event.traceparent,
        door=access.door if access else None,
        since=rfc3339(access.since) if access else None,
        count=access.count if access else None,
        objects=access.objects if access else None,
    )


def _named(access: Access | None) -> str:
    """The first objects of reads or refusals; empty for all other events."""
    if access is None:
        return ""
    more = len(access.objects) - _NAMED
    return ", ".join(access.objects[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _words(value: object) -> str | None:
    """A reason as text; a code is written before its text."""
    match value:
        case Reason(code=code, text=text):
            return f"{code}: {text}"
        case tuple() if value:
            return "; ".join(filter(None, map(_words, value)))
        case str() if value:
            return value
    return None


def _money(value: object) -> str | None:
    match value:
        case Amount() | Charge():
            return f"{value.amount} {value.currency}"
        case tuple():
            return " + ".join(filter(None, map(_money, value))) or None
    return None
