"""Parts with failing checks, on a handle in memory."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import cast

import pytest

from queuebit_kernel import SystemClock
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.handle import Handle
from queuebit_warehouse.integrity import Integrity

DAMAGED, NO_MEMORY, GONE = 40, 241, 232


class Part:
    """A handle on a store with one part; its statements fail with the given error numbers."""

    def __init__(self, check: int, detach: int) -> None:
        self._fails = {b"CHECK": check, b"ALTER": detach}

    def run(self, statement: bytes, params: Mapping[str, str]) -> tuple[bytes, None]:
        if number := self._fails.get(statement.split()[0]):
            raise DatabaseError(number, "the engine says why")
        return (b"1\n" if statement.startswith(b"CHECK") else b"default\tevents\tall_1_1_0\n"), None

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("check", "detach", "trouble"),
    [
        (0, 0, None),
        (GONE, 0, None),
        (NO_MEMORY, 0, "cannot be checked"),
        (DAMAGED, 0, None),
        (DAMAGED, GONE, None),
        (DAMAGED, NO_MEMORY, "is damaged and cannot be detached"),
    ],
)
def test_only_a_part_with_wrong_checksums_is_damaged(check: int, detach: int, trouble: str | None) -> None:
    integrity = Integrity(lambda: cast("Handle", Part(check, detach)), SystemClock())
    integrity.check()
    if trouble is None:
        assert integrity.trouble is None
    else:
        assert f"part all_1_1_0 of `default`.`events` {trouble}" in str(integrity.trouble)


def test_the_check_is_repeated_if_the_engine_opens_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit_warehouse.integrity._PAUSE_S", 0.0)
    monkeypatch.setattr("queuebit_warehouse.integrity._EVERY_S", 0.0)
    first, again = Event(), Event()

    def refuse() -> Handle:
        (again if first.is_set() else first).set()
        raise RuntimeError("too many open files")

    integrity = Integrity(refuse, SystemClock())
    integrity.start()
    try:
        assert again.wait(10)
        assert integrity.trouble == "the stored data cannot be checked: too many open files"
    finally:
        integrity.stop()
