"""Faults, ids, clock, money and digests, which every other package may use."""

from queuebit_kernel.base64url import from_base64url, to_base64url
from queuebit_kernel.clock import Clock, FixedClock, SystemClock, rfc3339
from queuebit_kernel.digests import Json, canonical, digest, digest_of
from queuebit_kernel.faults import Fault, Malformed, Settle, Stale, Superseded, Unavailable
from queuebit_kernel.ids import InvalidId, event_id, job_id, new_key, require_token
from queuebit_kernel.money import CurrencyMismatch, Money

__all__ = [
    "Clock",
    "CurrencyMismatch",
    "Fault",
    "FixedClock",
    "InvalidId",
    "Json",
    "Malformed",
    "Money",
    "Settle",
    "Stale",
    "Superseded",
    "SystemClock",
    "Unavailable",
    "canonical",
    "digest",
    "digest_of",
    "event_id",
    "from_base64url",
    "job_id",
    "new_key",
    "require_token",
    "rfc3339",
    "to_base64url",
]
