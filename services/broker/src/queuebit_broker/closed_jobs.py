"""Jobs for which money is never held again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pydantic import Base64Bytes

__all__ = ["ClosedJobs"]

_SIZE = 16
"""Bytes of a digest: no two jobs share one."""

_MOST = 64
"""The most jobs of one bucket."""


@dataclass(slots=True)
class ClosedJobs:
    """The newest jobs of an account whose hold has ended: more than the newest 100,000, and at most 262,144.

    A digest of each, in one of 4,096 buckets, costs about 20 bytes where a dictionary of names costs 109. A bucket
    forgets its oldest job after 64 newer ones; the newest 100,000 jobs put 24 into a bucket on average, and practically
    never more than 64. A job that is forgotten and delivered once more is refused by the guard of its acceptance, and
    its hold is released.
    """

    buckets: dict[int, Base64Bytes] = field(default_factory=dict)
    """Digests one after the other, the oldest first."""

    def add(self, job: str) -> None:
        """Remember a job, as the newest."""
        if job not in self:
            number, digest = _place(job)
            self.buckets[number] = (self.buckets.get(number, b"") + digest)[-_MOST * _SIZE :]

    def __contains__(self, job: str) -> bool:
        number, digest = _place(job)
        bucket = self.buckets.get(number, b"")
        at = bucket.find(digest)
        while at > 0 and at % _SIZE:  # across two digests
            at = bucket.find(digest, at + 1)
        return at >= 0

    def copy(self) -> ClosedJobs:
        """A copy that later jobs do not change."""
        return ClosedJobs({**self.buckets})


def _place(job: str) -> tuple[int, bytes]:
    """The bucket and the digest of a job."""
    digest = hashlib.sha256(job.encode()).digest()[:_SIZE]
    return digest[0] << 4 | digest[1] >> 4, digest
