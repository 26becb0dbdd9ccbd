"""What a replica does not show yet is read again, for a while."""

from __future__ import annotations

from queuebit_runtime.lag import read_past_lag


class _Replica:
    def __init__(self, *shows: str | None) -> None:
        self.shows = list(shows)

    async def read(self) -> str | None:
        return self.shows.pop(0)


async def test_what_is_there_is_read_once() -> None:
    replica = _Replica("found", "again")
    assert await read_past_lag(replica.read) == "found"
    assert replica.shows == ["again"]


async def test_what_comes_late_is_found() -> None:
    assert await read_past_lag(_Replica(None, None, "late").read, (0, 0)) == "late"


async def test_what_never_comes_is_nothing_after_the_last_pause() -> None:
    replica = _Replica(None, None, None, "too late")
    assert await read_past_lag(replica.read, (0, 0)) is None
    assert replica.shows == ["too late"]
