"""The ports over NATS."""

from __future__ import annotations

from queuebit_contracts.topology import DECISIONS
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_runtime.payloads import PayloadStore
from queuebit_scheduling import MEDIA_TYPE

__all__ = ["StoredDecisions"]

_INLINE_BYTES = 4096
"""The largest snapshot that is copied into its placements."""

_INLINE_TOTAL = 16_384
"""The most bytes of all copies; above, storing it once is cheaper."""

_MOST_BYTES = 16 << 20


class StoredDecisions:
    """Snapshots in the payload store, where no tenant can read them."""

    def __init__(self, payloads: PayloadStore) -> None:
        self._payloads = payloads

    async def keep(self, content: bytes, *, private: bool, copies: int) -> Payload:
        if private or len(content) > _INLINE_BYTES or len(content) * copies > _INLINE_TOTAL:
            return await self._payloads.store(DECISIONS, content, MEDIA_TYPE)
        return Payload(digest=digest(content), size=len(content), media_type=MEDIA_TYPE, inline=content.decode())

    async def read(self, decision: Payload) -> bytes:
        return await self._payloads.get(DECISIONS, decision, limit=_MOST_BYTES)
