"""Guards: headers with which the server stores a message only if the subject, or a wildcard, ends where expected."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["expecting", "stored_first"]

_AFTER = "Nats-Expected-Last-Subject-Sequence"
_OF = f"{_AFTER}-Subject"
_BATCH = "Nats-Batch-Id"
_TOKENS = 4
"""Of the prefix of a history."""


def expecting(after: int, of: str = "") -> dict[str, str]:
    """The headers that expect `after` as the last sequence of `of`, by default of the message's own subject."""
    return {_AFTER: str(after), _OF: of} if of else {_AFTER: str(after)}


def stored_first(subject: str, headers: Mapping[str, str] | None) -> bool:
    """Whether the headers of a stored message prove that it is the first of its history, such as that of its job.

    The server keeps the headers of a message, and stores none whose guard expects an empty history after another
    message of that history. In a batch the guard does not see earlier messages of the batch, so it proves nothing.
    The server obeys the first of two equal headers and clients read the last: proofs are for subjects that only a
    service writes, which has each header once.
    """
    if headers is None or headers.get(_AFTER) != "0" or _BATCH in headers:
        return False
    history = headers.get(_OF, "")  # `qb.job.<tenant>.<job>.>`
    return history.count(".") == _TOKENS and history.endswith(".>") and subject.startswith(history[:-1])
