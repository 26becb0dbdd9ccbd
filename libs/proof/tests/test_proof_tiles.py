from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_proof import (
    KeyRing,
    LogCorrupt,
    TileLog,
    TrustRoot,
    leaf_hash,
    sign_checkpoint,
    verify_consistency,
    verify_inclusion,
)
from queuebit_proof.tiles import tile_path

NOW = datetime(2026, 11, 20, 8, 1, tzinfo=UTC)


def entries(start: int, end: int) -> list[bytes]:
    return [hashlib.sha256(str(index).encode()).digest() for index in range(start, end)]


@pytest.fixture
def publish(ring: KeyRing) -> Callable[[TileLog], str]:
    def publish(log: TileLog) -> str:
        checkpoint = sign_checkpoint(log.head(ring.origin), ring, NOW)
        log.write(checkpoint)
        return checkpoint

    return publish


@pytest.fixture
def folder(tmp_path: Path, publish: Callable[[TileLog], str], trust: TrustRoot) -> Path:
    """A published log of 700 entries."""
    log = TileLog.open(tmp_path / "log", trust)
    log.append(entries(0, 700))
    publish(log)
    return tmp_path / "log"


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_missing_folder_is_an_empty_log(tmp_path: Path, trust: TrustRoot) -> None:
    log = TileLog.open(tmp_path / "log", trust)
    assert (log.size, log.published) == (0, 0)
    assert log.root() == hashlib.sha256(b"").digest()
    assert not (tmp_path / "log").exists()


def test_paths_of_files_follow_the_standard(folder: Path) -> None:
    assert files(folder) == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/188",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/188",
    }
    assert (folder / "tile/0/000").stat().st_size == 8192
    assert (folder / "tile/entries/000").read_bytes()[:34] == b"\x00\x20" + entries(0, 1)[0]
    assert (folder / "tile/0/002.p/188").read_bytes()[:32] == leaf_hash(entries(512, 513)[0])


def test_a_log_of_70000_entries_has_the_tiles_of_the_standard(
    tmp_path: Path, publish: Callable[[TileLog], str], trust: TrustRoot
) -> None:
    log = TileLog.open(tmp_path, trust)
    log.append(entries(0, 70_000))
    publish(log)
    hashes = {name for name in files(tmp_path) if not name.startswith("tile/entries")} - {"checkpoint"}
    full = {f"tile/0/{index:03}" for index in range(273)} | {"tile/1/000"}
    assert hashes == full | {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
    assert TileLog.open(tmp_path, trust).root() == log.root()


def test_large_indices_become_folders() -> None:
    assert tile_path("0", 1234067) == Path("tile/0/x001/x234/067")
    assert tile_path("entries", 1000, 5) == Path("tile/entries/x001/000.p/5")


def test_a_published_log_round_trips(folder: Path, trust: TrustRoot) -> None:
    log = TileLog.open(folder, trust)
    assert (log.size, log.published) == (700, 700)
    assert verify_inclusion(leaf_hash(entries(300, 301)[0]), 300, 700, log.inclusion(300), log.root())


def test_publishing_in_steps_gives_the_same_files(
    tmp_path: Path, folder: Path, publish: Callable[[TileLog], str], trust: TrustRoot
) -> None:
    stepwise = tmp_path / "stepwise"
    for start, end in [(0, 1), (1, 255), (255, 256), (256, 300), (300, 700)]:
        log = TileLog.open(stepwise, trust)
        assert log.append(entries(start, end)) == start
        before = log.root(start)
        publish(log)
        assert verify_consistency(start, end, before, log.root(), log.consistency(start))
    leftover = files(stepwise) - files(folder)
    assert leftover == {"tile/1/000.p/1"}, "partial tiles are removed when their full tile exists"
    for name in files(folder) - {"checkpoint"}:
        assert (stepwise / name).read_bytes() == (folder / name).read_bytes()


def test_full_tiles_are_never_written_again(folder: Path, publish: Callable[[TileLog], str], trust: TrustRoot) -> None:
    full = [folder / "tile/0/000", folder / "tile/entries/001"]
    before = [path.stat().st_ino for path in full]
    log = TileLog.open(folder, trust)
    log.append(entries(700, 1300))
    publish(log)
    assert [path.stat().st_ino for path in full] == before


def test_a_checkpoint_may_be_older_than_the_newest_entry(folder: Path, ring: KeyRing, trust: TrustRoot) -> None:
    log = TileLog.open(folder, trust)
    log.append(entries(700, 800))
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, NOW)
    log.append(entries(800, 1100))
    log.write(checkpoint)
    assert (log.size, log.published, TileLog.open(folder, trust).size) == (1100, 800, 800)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "torn": lambda good: good[: len(good) // 2],
    "short": lambda good: good[:-1],
    "long": lambda good: good + b"\n",
    "zeros": lambda good: bytes(len(good)),
    "garbage": lambda good: hashlib.shake_128(b"garbage").digest(len(good)),
    "flip": lambda good: good[:20] + bytes([good[20] ^ 1]) + good[21:],
}
"""Damage that a power cut, a bad disk or an attacker can cause."""


@pytest.mark.parametrize(
    "name", ["tile/entries/000", "tile/entries/002.p/188", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"]
)
@pytest.mark.parametrize("damage", [*DAMAGES, "missing", "a folder"])
def test_a_damaged_tile_is_detected_and_rebuilt(folder: Path, trust: TrustRoot, name: str, damage: str) -> None:
    path, good = folder / name, (folder / name).read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes(DAMAGES[damage](good))
    with pytest.raises(LogCorrupt, match="rebuild the log from the event stream"):
        TileLog.open(folder, trust)
    if damage == "a folder":
        path.rmdir()
    checkpoint = (folder / "checkpoint").read_text()
    TileLog.rebuild(folder, entries(0, 900), trust).write(checkpoint)
    assert path.read_bytes() == good
    assert TileLog.open(folder, trust).size == 700


def test_the_error_names_the_damaged_file(folder: Path, trust: TrustRoot) -> None:
    (folder / "tile/entries/001").write_bytes(b"\x00\x20")
    with pytest.raises(LogCorrupt, match=r"tile/entries/001 has 2 bytes instead of 8704"):
        TileLog.open(folder, trust)


def test_entries_and_tiles_altered_together_do_not_match(folder: Path, ring: KeyRing, trust: TrustRoot) -> None:
    """The checkpoint detects a consistent change of all other files."""
    forged = TileLog.open(folder.parent / "forged", trust)
    forged.append([*entries(0, 299), *entries(9, 10), *entries(300, 700)])
    forged.write(sign_checkpoint(forged.head(ring.origin), ring, NOW))
    (folder.parent / "forged" / "checkpoint").write_bytes((folder / "checkpoint").read_bytes())
    with pytest.raises(LogCorrupt, match="do not match the root in its checkpoint"):
        TileLog.open(folder.parent / "forged", trust)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_detected_and_ignored(folder: Path, trust: TrustRoot, damage: str) -> None:
    """A power cut left it empty, and sealing stopped until an operator repaired it."""
    path, good = folder / "checkpoint", (folder / "checkpoint").read_bytes()
    path.write_bytes(DAMAGES[damage](good))
    with pytest.raises(LogCorrupt, match=r"checkpoint is damaged .* rebuild the log from the event stream"):
        TileLog.open(folder, trust)
    log = TileLog.rebuild(folder, entries(0, 700), trust)
    assert (log.size, log.published) == (700, 0)
    log.write(good.decode())
    assert TileLog.open(folder, trust).published == 700


def test_a_checkpoint_with_any_altered_byte_is_ignored(folder: Path, trust: TrustRoot) -> None:
    """A root or size without a valid signature does not mean that the event log lost events."""
    path, good = folder / "checkpoint", (folder / "checkpoint").read_bytes()
    for at in range(0, len(good), 97):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert TileLog.rebuild(folder, entries(0, 700), trust).size == 700


def test_a_missing_checkpoint_means_that_nothing_was_published(
    folder: Path, trust: TrustRoot, publish: Callable[[TileLog], str]
) -> None:
    (folder / "checkpoint").unlink()
    log = TileLog.open(folder, trust)
    assert log.size == 0
    log.append(entries(0, 700))
    publish(log)
    assert TileLog.open(folder, trust).published == 700


def test_a_crash_between_tiles_and_checkpoint_loses_nothing(
    folder: Path, publish: Callable[[TileLog], str], monkeypatch: pytest.MonkeyPatch, trust: TrustRoot
) -> None:
    """After it, other entries may be appended first, because no checkpoint covered the lost ones."""
    put = TileLog._put

    def power_cut(log: TileLog, path: Path, content: bytes) -> None:
        if path.name == "checkpoint":
            raise OSError("power cut")
        put(log, path, content)

    log = TileLog.open(folder, trust)
    log.append(entries(5000, 5600))
    with monkeypatch.context() as patch:
        patch.setattr(TileLog, "_put", power_cut)
        with pytest.raises(OSError, match="power cut"):
            publish(log)
    log = TileLog.open(folder, trust)
    assert log.size == 700
    log.append(entries(700, 1300))
    publish(log)
    assert TileLog.open(folder, trust).root() == log.root()


@pytest.mark.parametrize("truth", [entries(0, 699), [*entries(0, 300), *entries(301, 900)]], ids=["fewer", "others"])
def test_a_rebuild_never_forks_the_published_log(folder: Path, truth: list[bytes], trust: TrustRoot) -> None:
    with pytest.raises(LogCorrupt, match="find the missing events"):
        TileLog.rebuild(folder, truth, trust)
    assert TileLog.open(folder, trust).size == 700


def test_a_checkpoint_of_another_tree_is_not_published(
    folder: Path, tmp_path: Path, ring: KeyRing, trust: TrustRoot
) -> None:
    log, other = TileLog.open(folder, trust), TileLog.open(tmp_path / "other", trust)
    other.append(entries(1, 701))
    old = TileLog.open(tmp_path / "old", trust)
    old.append(entries(0, 650))
    for tree in (other, old):
        with pytest.raises(ValueError, match="is not of this log"):
            log.write(sign_checkpoint(tree.head(ring.origin), ring, NOW))


def test_an_entry_is_a_digest(tmp_path: Path, trust: TrustRoot) -> None:
    with pytest.raises(ValueError, match="SHA-256 digest of 32 raw bytes"):
        TileLog.open(tmp_path, trust).append([b"something else"])
