"""Decides from requests to a backend whether it is out of service, and when it is in service again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Contact", "ContactLimits", "change", "is_silent"]


@dataclass(frozen=True, slots=True)
class Contact:
    """The newest requests to a backend that had the same outcome."""

    answered: bool
    rounds: int
    """The number of these requests. They are counted, so that no clock can skip them."""
    since: datetime
    """When the first of them was sent."""

    def then(self, at: datetime, *, answered: bool) -> Contact:
        """Return what is known after one more request."""
        if answered is self.answered:
            return Contact(answered, self.rounds + 1, self.since)
        return Contact(answered, 1, at)


@dataclass(frozen=True, slots=True)
class ContactLimits:
    """How many requests in a row decide."""

    silent: int
    """A backend that leaves as many unanswered is out of service."""
    steady: int
    """A backend that answers as many after that is in service again. More than one, so that a backend that answers for
    moments does not go out of service and back each time."""


def is_silent(contact: Contact, limits: ContactLimits) -> bool:
    """Whether a backend counts as stopped now, so that it gets no jobs."""
    return not contact.answered and contact.rounds >= limits.silent


def change(contact: Contact, limits: ContactLimits, *, interrupted: bool) -> Literal["interrupted", "restored"] | None:
    """Return which fact follows from the newest requests, or None.

    Args:
        contact: the newest requests.
        limits: how many of them decide.
        interrupted: whether the backend is out of service already.
    """
    if not interrupted:
        return "interrupted" if is_silent(contact, limits) else None
    return "restored" if contact.answered and contact.rounds >= limits.steady else None
