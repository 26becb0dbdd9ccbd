"""Where decisions are kept: the fake and the real store obey the same laws."""

from __future__ import annotations

import pytest

from queuebit_kernel import digest
from queuebit_runtime.payloads import Missing
from queuebit_scheduler.adapters import StoredDecisions
from queuebit_scheduler.ports import DecisionStore
from queuebit_testing.memory import MemoryPayloads

from .conftest import MemoryDecisions

CONTENT = b'{"version": 1}'


class DecisionStoreLaws:
    """Asks for the fixture `decisions`."""

    @pytest.mark.parametrize("private", [False, True])
    async def test_a_decision_is_read_back_by_its_reference(self, decisions: DecisionStore, private: bool) -> None:
        kept = await decisions.keep(CONTENT, private=private, copies=1)
        assert (kept.digest, kept.size) == (digest(CONTENT), len(CONTENT))
        assert await decisions.read(kept) == CONTENT

    async def test_a_private_decision_is_never_inside_its_reference(self, decisions: DecisionStore) -> None:
        assert (await decisions.keep(CONTENT, private=True, copies=1)).inline is None
        assert (await decisions.keep(CONTENT, private=False, copies=1)).inline == CONTENT.decode()

    async def test_a_decision_that_was_not_kept_is_missing(self, decisions: DecisionStore) -> None:
        kept = await decisions.keep(CONTENT, private=True, copies=1)
        with pytest.raises(Missing):
            await decisions.read(kept.model_copy(update={"digest": digest(b"other")}))


class TestMemoryDecisions(DecisionStoreLaws):
    @pytest.fixture
    def decisions(self) -> DecisionStore:
        return MemoryDecisions()


class TestStoredDecisions(DecisionStoreLaws):
    @pytest.fixture
    def decisions(self) -> DecisionStore:
        return StoredDecisions(MemoryPayloads())

    @pytest.mark.parametrize(
        ("size", "private", "copies", "inside"),
        [(4096, False, 1, True), (4097, False, 1, False), (10, True, 1, False), (4096, False, 5, False)],
    )
    async def test_a_small_decision_of_one_tenant_rides_inside_and_any_other_is_stored(
        self, decisions: DecisionStore, size: int, private: bool, copies: int, inside: bool
    ) -> None:
        kept = await decisions.keep(b"x" * size, private=private, copies=copies)
        assert (kept.inline is not None) is inside
        assert await decisions.read(kept) == b"x" * size
