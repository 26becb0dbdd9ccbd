"""What the gateway keeps of an endpoint, and how a delivery changes it. Nothing here waits, asks or sends."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from queuebit_runtime.retries import Verdict, next_try_s

__all__ = [
    "PARKED",
    "RECENT",
    "Delivery",
    "Heartbeat",
    "Outcome",
    "Replay",
    "Retry",
    "Webhook",
    "after_try",
    "enabled",
    "next_due",
    "passed",
    "replayed",
    "rotated",
    "without",
]

PARKED: Final = 64
"""Deliveries of one endpoint that wait for another try. While there are as many, no further event is sent: the log
keeps them all."""
RECENT: Final = 100
"""Deliveries that the log of an endpoint shows."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Heartbeat(_Record):
    """Says that a gateway runs, and for how long others take that as true."""

    owner: str
    """Names the process; endpoints name it as their owner."""
    name: str
    """Of the gateway, for people."""
    lease_s: float
    """How long after this sign others deliver for its endpoints."""


class Retry(_Record):
    """A delivery that waits for its next try."""

    sequence: int
    tries: int
    """Failed so far."""
    due: float
    """Seconds since 1970."""


class Replay(_Record):
    """A range of events that is sent again."""

    after: int
    """The sequence up to which it is done."""
    until: int


class Delivery(_Record):
    """One event on its way to an endpoint, as the last try left it."""

    n: int
    """The event's sequence in the log."""
    webhook_id: str
    type: str
    state: Literal["delivered", "retrying", "failed"]
    tries: int
    status: int | None
    """The receiver's answer; None if there was none."""
    error: str | None
    tried_at: float
    took_ms: int
    next_try_at: float | None = None
    location: str | None = None
    """Where a bucket has it, as `s3://acme-results/queuebit/j1/result.json`; None until it does, and for a URL."""


class Webhook(_Record):
    """An endpoint and how far its deliveries are."""

    id: str
    tenant: str
    slot: int
    """Its place among the tenant's endpoints; names its entry in the bucket."""
    url: str
    types: tuple[str, ...] = ()
    """Short types, such as `job.completed`; empty means all."""
    description: str = ""
    created_at: float
    created_by: str
    disabled: str | None = None
    """Why nothing more is sent; None while it is in use."""
    position: int
    """Events up to this sequence are delivered, given up, or among the retries."""
    retries: tuple[Retry, ...] = ()
    replay: Replay | None = None
    recent: tuple[Delivery, ...] = ()
    """Newest last."""
    handshake: bool = False
    """Whether the endpoint was asked for permission first."""
    per_minute: int | None = None
    """How many requests in a minute it allowed; None for any number."""
    secret: int = 1
    """Which of its secrets signs: the number of rotations and one."""
    former_until: float | None = None
    """Until when the secret before signs, too."""
    owner: str = ""
    """The process that delivers; empty if none does."""
    keys: str = ""
    """For a bucket, the name of the operator's keys."""
    write: str = ""
    """Names the write that stored this, so that one whose answer was lost is recognised."""


class Outcome(_Record):
    """What a try came to."""

    verdict: Verdict
    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None
    took_ms: int = 0
    location: str | None = None
    """As `Delivery.location`."""


def next_due(webhook: Webhook) -> Retry | None:
    """The retry that is due first."""
    return min(webhook.retries, key=lambda it: (it.due, it.sequence), default=None)


def passed(webhook: Webhook, position: int) -> Webhook:
    """The events up to a position need no delivery."""
    return webhook.model_copy(update={"position": max(position, webhook.position)})


def after_try(
    webhook: Webhook, sequence: int, webhook_id: str, kind: str, outcome: Outcome, *, now: float, jitter: float
) -> Webhook:
    """The endpoint after a try to deliver an event.

    Args:
        webhook: before it.
        sequence: of the event.
        webhook_id: of the message.
        kind: the event's short type.
        outcome: of the try.
        now: in seconds since 1970.
        jitter: a random number from 0 to 1.
    """
    known = next((it for it in webhook.retries if it.sequence == sequence), None)
    tries = (known.tries if known else 0) + 1
    pause = next_try_s(tries, jitter, outcome.retry_after_s) if outcome.verdict is Verdict.FAILED else None
    delivery = Delivery(
        n=sequence,
        webhook_id=webhook_id,
        type=kind,
        state="delivered" if outcome.verdict is Verdict.DELIVERED else "failed" if pause is None else "retrying",
        tries=tries,
        status=outcome.status,
        error=outcome.error,
        tried_at=now,
        took_ms=outcome.took_ms,
        next_try_at=None if pause is None else now + pause,
        location=outcome.location,
    )
    retries, gone = without(webhook, sequence).retries, outcome.verdict is Verdict.GONE
    due = now if gone else delivery.next_try_at  # gone: it is the first to be sent when the endpoint is enabled again
    if due is not None:
        retries += (Retry(sequence=sequence, tries=tries, due=due),)
    return webhook.model_copy(
        update={
            "retries": retries,
            "recent": (*(it for it in webhook.recent if it.n != sequence), delivery)[-RECENT:],
            "disabled": "the receiver answered 410 Gone" if gone else webhook.disabled,
        }
    )


def replayed(webhook: Webhook, position: int) -> Webhook:
    """A replay has come to a position; None of it is left if that is its end."""
    replay = webhook.replay
    if replay is None:
        return webhook
    left = replay.model_copy(update={"after": position}) if position < replay.until else None
    return webhook.model_copy(update={"replay": left})


def enabled(webhook: Webhook, *, end: int | None) -> Webhook:
    """An endpoint that was disabled gets events again: those that it missed, too, or only those after `end`."""
    if end is None:
        return webhook.model_copy(update={"disabled": None})
    left: dict[str, object] = {"disabled": None, "position": end, "retries": (), "replay": None}
    return webhook.model_copy(update=left)


def rotated(webhook: Webhook, *, now: float, overlap_s: float) -> Webhook:
    """An endpoint with a new secret; the one before signs, too, for a time."""
    until = now + overlap_s if overlap_s else None
    return webhook.model_copy(update={"secret": webhook.secret + 1, "former_until": until})


def without(webhook: Webhook, sequence: int) -> Webhook:
    """An endpoint that waits for no other try of an event."""
    left = tuple(it for it in webhook.retries if it.sequence != sequence)
    return webhook.model_copy(update={"retries": left})
