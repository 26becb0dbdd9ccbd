"""What a client gets whose request has too large a head."""

from __future__ import annotations

from queuebit_gateway.problems import PROBLEM
from queuebit_runtime.request_heads import HEAD_BYTES, HeadLimits

__all__ = ["LimitedProtocol"]


class LimitedProtocol(HeadLimits):
    """One connection; refusals are problem documents."""

    media_type = PROBLEM.encode()
    too_large = (
        b'{"type":"urn:queuebit:problem:head_too_large","title":"The request is too large","status":431,'
        b'"code":"head_too_large","detail":"request line and headers may have %d bytes together","retryable":false}'
        % HEAD_BYTES
    )
