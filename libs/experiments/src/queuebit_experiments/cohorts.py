"""Who gets the candidate: a stable hash of the job's id (or the tenant's), and the tag that records it."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

__all__ = ["ARMS", "ASSIGNING", "BASELINE", "BUCKETS", "CANDIDATE", "arm_in_use", "arm_of", "arm_tag", "bucket"]

BASELINE: Final = "baseline"
CANDIDATE: Final = "candidate"
ARMS: Final = (BASELINE, CANDIDATE)

ASSIGNING: Final = ("running", "passed")
"""The states of a canary in which units are assigned to both arms, and failures abort."""

BUCKETS: Final = 100
"""A bucket is one percent of all units."""


def bucket(canary: str, unit: str) -> int:
    """The bucket of a unit, 0 to 99: the first eight bytes of SHA-256 over `canary`, newline, `unit`, modulo 100.

    Another canary gives other buckets, so that canaries that run at the same time do not disturb each other. In
    ClickHouse: `reinterpretAsUInt64(reverse(substring(SHA256(concat(canary, '\\n', unit)), 1, 8))) % 100`.
    """
    return int.from_bytes(sha256(f"{canary}\n{unit}".encode()).digest()[:8], "big") % BUCKETS


def arm_of(canary: str, unit: str, share_percent: int) -> str:
    """The arm of a unit. A larger share keeps every unit that had the candidate before."""
    return CANDIDATE if bucket(canary, unit) < share_percent else BASELINE


def arm_in_use(canary: str, state: str, unit: str, share_percent: int) -> str:
    """The arm that a unit has in a state of the canary: that of its hash while units are assigned.

    Before and after, all units have the same: the candidate if it is promoted, the baseline in all other states.
    """
    if state in ASSIGNING:
        return arm_of(canary, unit, share_percent)
    return CANDIDATE if state == "promoted" else BASELINE


def arm_tag(canary: str, arm: str) -> str:
    """The tag of a job that records its arm, such as `canary-level3-candidate`."""
    return f"canary-{canary}-{arm}"
