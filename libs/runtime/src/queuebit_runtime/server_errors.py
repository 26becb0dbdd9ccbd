"""Values of `err_code` in answers of nats-server; only codes that a caller handles."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BATCH_GUARD_FAILED",
    "CONSUMER_EXISTS",
    "DUPLICATE_IN_BATCH",
    "MESSAGE_TOO_LARGE",
    "NO_MESSAGE",
    "NO_STREAM",
    "TOO_MANY_BATCHES",
    "WRONG_LAST_SEQUENCE",
]

NO_MESSAGE: Final = 10037
MESSAGE_TOO_LARGE: Final = 10054
NO_STREAM: Final = 10059
WRONG_LAST_SEQUENCE: Final = 10071
"""A guard does not hold: another message was stored first."""
CONSUMER_EXISTS: Final = 10148
"""A consumer of that name exists with another configuration."""
BATCH_GUARD_FAILED: Final = 10164
"""The same for a guard in an atomic batch."""
DUPLICATE_IN_BATCH: Final = 10201
"""An event of an atomic batch is stored already."""
TOO_MANY_BATCHES: Final = 10210
"""The stream has the maximum number of open batches."""
