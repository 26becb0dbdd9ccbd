"""Where the inputs of a decision are kept."""

import pytest

from queuebit_contracts.topology import DECISIONS
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_scheduler.adapters import StoredDecisions


class Payloads:
    """Notes what is stored, and for whom."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, bytes]] = []

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        raise NotImplementedError("whether it rides inside is the adapter's decision")

    async def store(self, tenant: str, content: bytes, media_type: str) -> Payload:
        self.stored.append((tenant, content))
        return Payload(digest=digest(content), size=len(content), media_type=media_type)

    async def get(self, tenant: str, payload: Payload, *, limit: int = 0) -> bytes:
        return next(content for owner, content in self.stored if owner == tenant)


@pytest.mark.parametrize(
    ("size", "private", "copies", "inside"),
    [(4096, False, 1, True), (4097, False, 1, False), (10, True, 1, False), (4096, False, 5, False)],
)
async def test_a_small_decision_of_one_tenant_rides_inside_and_any_other_is_stored(
    size: int, private: bool, copies: int, inside: bool
) -> None:
    payloads, content = Payloads(), b"x" * size
    kept = await StoredDecisions(payloads).keep(content, private=private, copies=copies)
    assert kept.digest == digest(content)
    assert (kept.inline is not None) is inside
    assert payloads.stored == ([] if inside else [(DECISIONS, content)])
    if not inside:
        assert await StoredDecisions(payloads).read(kept) == content
