"""Writes of tenants: their messages arrive at the intake, which forwards them to the stream.

A tenant's account imports each subject that its users write to from another one, so that its programs see nothing of
this: they publish to the subject of the event and are answered by the stream, or refused by the intake.

    qb.job.<tenant>.<job>.submitted          qb.intake.job.<tenant>.<job>.submitted
    qb.hybrid.<tenant>.<hybrid>.submitted    qb.intake.hybrid.<tenant>.<hybrid>.submitted
    qb.command.<tenant>.<job>.cancel         qb.intake.command.<tenant>.<job>.cancel
    $KV.PAYLOADS.<tenant>.<digest>.<chunk>   qb.intake.payload.<tenant>.<digest>.<chunk>
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ARRIVALS",
    "ERR_INSIDE_EVENT",
    "ERR_MALFORMED",
    "ERR_OTHER_CONTENT",
    "ERR_PROTECTED",
    "ERR_TOO_FAST",
    "arrival_of",
    "author_of",
    "destination_of",
]

ARRIVALS: Final = "qb.intake.>"
"""Everything that tenants write."""

ERR_MALFORMED: Final = 90001
"""`err_code` of a refusal: the message breaks its contract and would break it again."""

ERR_TOO_FAST: Final = 90002
"""`err_code` of a refusal: the tenant writes faster than it may; send the same message again later."""

ERR_OTHER_CONTENT: Final = 90003
"""`err_code` of a refusal: a payload is written once, and other content is stored under this name."""

ERR_PROTECTED: Final = 90004
"""`err_code` of a refusal: a rule of data protection found something in the message; the text names the rule, and never
what it found."""

ERR_INSIDE_EVENT: Final = 90005
"""`err_code` of a refusal: contents of the tenant are never inside events; store the content, and send a reference to
it."""

_ARRIVALS = {
    "qb.job.": "qb.intake.job.",
    "qb.hybrid.": "qb.intake.hybrid.",
    "qb.command.": "qb.intake.command.",
    "$KV.PAYLOADS.": "qb.intake.payload.",
}


def author_of(arrived: str) -> str:
    """The tenant that a message at the intake comes from."""
    return arrived.split(".")[3]


def arrival_of(subject: str) -> str | None:
    """Return the intake subject of a tenant's message to `subject`; None if it goes to `subject` directly."""
    for own, arrival in _ARRIVALS.items():
        if subject.startswith(own):
            return arrival + subject.removeprefix(own)
    return None


def destination_of(arrived: str) -> str:
    """The subject that a tenant published to, from the one where its message arrived.

    Raises:
        ValueError: nothing that a tenant writes arrives there.
    """
    for own, arrival in _ARRIVALS.items():
        if arrived.startswith(arrival):
            return own + arrived.removeprefix(arrival)
    raise ValueError(f"{arrived} is no subject of the intake")
