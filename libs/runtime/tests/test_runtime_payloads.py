"""Chunks of a content travel a few at a time, and come back in order."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_kernel import Unavailable
from queuebit_runtime.payloads import CHUNK, IN_FLIGHT, chunks


class Store:
    """Holds every chunk back until as many are open as can be; `failed` says which it refuses."""

    def __init__(self, expected: int, failed: int = -1) -> None:
        self.open: set[int] = set()
        self.most = 0
        self._expected = expected
        self._failed = failed
        self._full = asyncio.Event()

    async def one(self, number: int) -> int:
        self.open.add(number)
        self.most = max(self.most, len(self.open))
        if len(self.open) == self._expected:
            self._full.set()
        try:
            await self._full.wait()
            if number == self._failed:
                raise Unavailable("the payload store did not answer")
            return number
        finally:
            self.open.discard(number)


@pytest.mark.parametrize(
    ("size", "in_flight"),
    [(1, 1), (CHUNK, 1), (CHUNK + 1, 2), (IN_FLIGHT * CHUNK + 1, IN_FLIGHT), (50 * CHUNK, IN_FLIGHT)],
)
async def test_so_many_chunks_are_in_flight_and_all_come_back_in_order(size: int, in_flight: int) -> None:
    store = Store(in_flight)
    assert await chunks(size, store.one) == list(range(-(-size // CHUNK)))
    assert store.most == in_flight


async def test_content_of_no_bytes_has_no_chunks() -> None:
    assert await chunks(0, Store(0).one) == []


async def test_a_chunk_that_fails_ends_the_others_and_says_why() -> None:
    store = Store(IN_FLIGHT, failed=3)
    with pytest.raises(Unavailable, match="did not answer"):
        await chunks(50 * CHUNK, store.one)
    assert not store.open
