"""Snapshots of views: written whole or not at all, used only over the log that they are of."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from queuebit_runtime import view_snapshot
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog, Stored
from queuebit_runtime.view import View, fold_events
from queuebit_runtime.view_snapshot import Mark, ViewSnapshot, code_digest
from queuebit_testing.build import funded
from queuebit_testing.damage import flip_a_bit
from queuebit_testing.server import NatsServer

MARK = Mark(7, "of the message")


class Sequences:
    """A state: the sequences that were folded in this process, after those of the snapshot."""

    def __init__(self) -> None:
        self.before: list[int] = []
        self.folded: list[int] = []
        self.ahead = False
        self.odd = False

    def freeze(self) -> Callable[[], Iterable[bytes]] | None:
        records = [b"%d" % it for it in (*self.before, *self.folded)]
        return None if self.ahead else lambda: records

    def thaw(self, records: Iterable[bytes]) -> Callable[[], None]:
        if self.odd:
            raise ValueError("of another form")
        found = [int(it) for it in records]
        return lambda: self.before.extend(found)


async def written(path: Path, *folded: int, mark: Mark = MARK) -> None:
    state = Sequences()
    state.folded += folded
    snapshot = ViewSnapshot(path, state)
    snapshot.folded(lambda: mark)
    await snapshot.close(lambda: mark)


async def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.snapshot"
    assert ViewSnapshot(path, Sequences()).read() is None
    await written(path, 3, 5, 7)
    state = Sequences()
    base = ViewSnapshot(path, state).read()
    assert base is not None
    assert (base.mark, ViewSnapshot(path, state).restore(base), state.before) == (MARK, True, [3, 5, 7])
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_torn_or_changed_file_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "x.snapshot"
    await written(path, 3, 5, 7)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert ViewSnapshot(path, Sequences()).read() is None, cut
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert ViewSnapshot(path, Sequences()).read() is None, at


async def test_that_of_another_version_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x.snapshot"
    await written(path, 3)
    monkeypatch.setattr(view_snapshot, "code_digest", lambda: "other")
    assert ViewSnapshot(path, Sequences()).read() is None
    assert "another version wrote it" in caplog.text


async def test_it_names_the_program_that_started_though_its_files_were_replaced_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, path = tmp_path / "code.py", tmp_path / "x.snapshot"
    code.write_text("old")
    monkeypatch.setattr(view_snapshot, "_files", lambda: [code])
    code_digest.cache_clear()
    try:
        started = ViewSnapshot(path, Sequences())
        assert started.read() is None
        code.write_text("new")
        await written(path, 3)
        code_digest.cache_clear()
        assert ViewSnapshot(path, Sequences()).read() is None
        code.write_text("old")
        code_digest.cache_clear()
        assert ViewSnapshot(path, Sequences()).read() is not None
    finally:
        code_digest.cache_clear()


async def test_it_is_written_every_so_many_messages_but_never_ahead_of_the_view(tmp_path: Path) -> None:
    path, state = tmp_path / "x.snapshot", Sequences()
    snapshot = ViewSnapshot(path, state, every=3)
    state.ahead = True
    for sequence in range(1, 6):
        state.folded.append(sequence)
        snapshot.folded(lambda: MARK)
    await snapshot.close(lambda: MARK)
    assert not path.exists()
    state.ahead = False
    snapshot.folded(lambda: MARK)
    await snapshot.close(lambda: MARK)
    assert path.read_bytes().endswith(b"\n1\n2\n3\n4\n5\n")


async def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await written(tmp_path / "missing" / "x.snapshot", 1)
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("step", ["queuebit_runtime.view_snapshot.os.fsync", "pathlib.Path.replace"])
async def test_a_write_that_fails_leaves_the_snapshot_before_and_no_draft(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, state = tmp_path / "x.snapshot", Sequences()
    snapshot = ViewSnapshot(path, state, every=1)

    async def fold(sequence: int) -> bytes:
        state.folded.append(sequence)
        snapshot.folded(lambda: MARK)
        await snapshot.close(lambda: MARK)
        return path.read_bytes()

    before = await fold(3)
    with monkeypatch.context() as full:
        full.setattr(step, _no_space)
        assert await fold(5) == before
        assert "No space left on device" in caplog.text
        assert [*tmp_path.iterdir()] == [path]
    assert (await fold(7)).endswith(b"\n3\n5\n7\n")


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_CROWDED = """
import asyncio, resource, sys
from pathlib import Path
from queuebit_runtime.view_snapshot import Mark, ViewSnapshot

class State:
    size = 1
    def freeze(self):
        return lambda: [b"%d" % it for it in range(self.size)]

async def main():
    state = State()
    snapshot = ViewSnapshot(Path(sys.argv[1]), state, every=1)
    for state.size, limit in (1, -1), (50_000, 100_000), (2, -1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
        snapshot.folded(lambda: Mark(1, ""))
        await snapshot.close(lambda: Mark(1, ""))
        print(len(Path(sys.argv[1]).read_bytes().splitlines()) - 2)

asyncio.run(main())
"""


def test_a_write_that_ends_in_the_middle_leaves_the_snapshot_before(tmp_path: Path) -> None:
    """The limit of a file's size stands for a full disk: the kernel takes a part of the bytes, and refuses the rest."""
    argv = [sys.executable, "-c", _CROWDED, str(tmp_path / "x.snapshot")]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "2"]
    assert "File too large" in done.stderr
    assert [it.name for it in tmp_path.iterdir()] == ["x.snapshot"]


async def test_a_draft_that_cannot_be_removed_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.snapshot"
    await written(path, 3)
    draft = tmp_path / ".x.snapshot.old"
    draft.touch()
    os.utime(draft, (0, 0))
    monkeypatch.setattr("pathlib.Path.unlink", _read_only)
    assert ViewSnapshot(path, Sequences()).read() is not None


def _read_only(*_: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


_WRITER = """
import asyncio, sys
from pathlib import Path
from queuebit_runtime.view_snapshot import Mark, ViewSnapshot

class State:
    def freeze(self):
        return lambda: [b"%d" % it for it in range(50_000)]

async def main():
    snapshot = ViewSnapshot(Path(sys.argv[1]), State(), every=1)
    while True:
        snapshot.folded(lambda: Mark(1, ""))
        await asyncio.sleep(0.001)
        print("go", flush=True)

asyncio.run(main())
"""


def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "x.snapshot"
    for moment in (1, 4, 9, 16):
        argv = [sys.executable, "-c", _WRITER, str(path)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            while not path.exists():
                writer.stdout.readline()
            for _ in range(moment):
                writer.stdout.readline()
            writer.kill()
        base = _unversioned(path)
        assert base.startswith(b"0\n1\n")
        assert base.endswith(b"\n49999\n")


def _unversioned(path: Path) -> bytes:
    """The records of a file whose checksum is right; the process that wrote it had loaded other packages."""
    checksum, _, content = path.read_bytes().partition(b"\n")
    assert hashlib.sha256(content).hexdigest().encode() == checksum
    return content.partition(b"\n")[2]


async def follow(bus: Bus, path: Path, state: Sequences, until: int) -> Sequences:
    """Run a view until it has a message, then end it as a service does."""

    def fold(stored: Stored) -> None:
        state.folded.append(stored.sequence)

    snapshot = ViewSnapshot(path, state)
    view = View(bus, "broker", ["qb.account.>"], fold_events(fold), snapshot=snapshot)
    running = asyncio.get_running_loop().create_task(view.run())
    async with asyncio.timeout(20):
        await view.caught_up.wait()
        await view.reached(until)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await view.save()
    return state


@pytest.mark.server
async def test_a_view_begins_after_its_snapshot(bus: Bus, tmp_path: Path) -> None:
    log, path = JetStreamLog(bus), tmp_path / "x.snapshot"
    for _ in range(3):
        await log.append(funded())
    assert (await follow(bus, path, Sequences(), 3)).folded == [1, 2, 3]
    again = await follow(bus, path, Sequences(), 3)
    assert (again.before, again.folded) == ([1, 2, 3], [])
    last = await log.append(funded())
    third = await follow(bus, path, Sequences(), last)
    assert (third.before, third.folded) == ([1, 2, 3], [4])
    fourth = await follow(bus, path, Sequences(), last)
    assert fourth.before == [1, 2, 3, 4]


@pytest.mark.server
async def test_a_snapshot_of_another_log_or_ahead_of_this_one_is_ignored(bus: Bus, tmp_path: Path) -> None:
    log, path = JetStreamLog(bus), tmp_path / "x.snapshot"
    for _ in range(3):
        await log.append(funded())
    await follow(bus, path, Sequences(), 3)
    snapshot = ViewSnapshot(path, Sequences())
    base = snapshot.read()
    assert base is not None
    for mark in (replace(base.mark, sequence=2), replace(base.mark, sequence=9), replace(base.mark, digest="other")):
        await written(path, 1, 2, 3, mark=mark)
        anew = await follow(bus, path, Sequences(), 3)
        assert (anew.before, anew.folded) == ([], [1, 2, 3])


@pytest.mark.server
async def test_a_state_that_cannot_read_its_records_begins_anew(bus: Bus, tmp_path: Path) -> None:
    path = tmp_path / "x.snapshot"
    await JetStreamLog(bus).append(funded())
    await follow(bus, path, Sequences(), 1)
    state = Sequences()
    state.odd = True
    assert (await follow(bus, path, state, 1)).folded == [1]


@pytest.mark.server
async def test_a_snapshot_whose_last_message_is_damaged_is_ignored(
    bus: Bus, fresh_server: NatsServer, tmp_path: Path
) -> None:
    log, path = JetStreamLog(bus), tmp_path / "x.snapshot"
    for _ in range(3):
        await log.append(funded())
    await follow(bus, path, Sequences(), 3)
    fresh_server.stop()
    flip_a_bit(fresh_server.folder, 3)
    await fresh_server.start()
    async with asyncio.timeout(20):
        while not bus.connected:
            await asyncio.sleep(0.02)
    again = await follow(bus, path, Sequences(), 2)
    assert (again.before, again.folded) == ([], [1, 2])
