"""Erasure of stored contents on request: circuits and results of a tenant in the payload store.

The fact is appended before anything is erased, so that a content that is missing is never unexplained.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.tenant import Author
from queuebit_contracts.wire import Digest, Event, Name, Reason, Wire

__all__ = [
    "MOST_ERASED",
    "EraseAnswer",
    "EraseRequest",
    "ErasedContent",
    "Erasure",
    "PayloadsErased",
]

MOST_ERASED: Final = 500
"""The most contents of one request."""


class ErasedContent(Wire):
    """A content of the payload store."""

    digest: Digest
    size: int = Field(ge=1)


class Erasure(Wire):
    """Which contents of a tenant are erased, and why."""

    tenant: Name
    erasure: Name
    """Made from the contents and the newest event of the jobs that they are of: a repetition has the same."""
    scope: Annotated[str, Field(min_length=1, max_length=200)]
    """Whose contents, in words: `the tenant`, `user ada`, `jobs j1, j2`."""
    contents: tuple[ErasedContent, ...] = Field(min_length=1, max_length=MOST_ERASED)
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    by: Author


class PayloadsErased(Event[Erasure]):
    """These contents are erased from the payload store. Their digests stay in events and receipts."""

    type: Literal["qb.tenant.payloads_erased.v1"] = "qb.tenant.payloads_erased.v1"


class EraseRequest(Wire):
    """Erase contents. Only the operator may ask this: `qb.admin.erase`."""

    erasure: Erasure


class EraseAnswer(Wire):
    """How many contents were erased, or all reasons of a refusal."""

    erased: int = 0
    errors: tuple[Reason, ...] = ()
