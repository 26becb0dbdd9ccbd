"""The archive: what is written is read back the same, and what is damaged or missing is named."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_archive import Archive, Damaged, Message, OtherLog, Writer, decode, encode

messages = st.builds(
    Message,
    st.integers(1, 2**63),
    st.integers(0, 2**62),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.none() | st.binary(),
    st.binary(),
)


def message(sequence: int, body: bytes = b"{}") -> Message:
    headers = b"NATS/1.0\r\nNats-Msg-Id: x\r\n\r\n" if sequence % 2 else None
    return Message(sequence, 1_764_547_200_000_000_000 + sequence, f"qb.job.acme.j{sequence}.submitted", headers, body)


def log(first: int, last: int) -> list[Message]:
    return [message(it) for it in range(first, last + 1)]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Three segments of ten messages."""
    found = Archive(tmp_path / "archive")
    for first in (1, 11, 21):
        found.append(log(first, first + 9))
    return found


@given(st.lists(messages, max_size=5), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_segment_reads_back_byte_for_byte(content: list[Message], previous: str) -> None:
    assert decode(encode(content, previous)) == (content, previous)


def test_the_same_messages_are_the_same_file() -> None:
    assert encode(log(1, 50), "sha256:0") == encode(log(1, 50), "sha256:0")


def test_a_whole_archive_has_no_faults(archive: Archive) -> None:
    found = archive.check()
    assert (found.messages, found.faults) == (30, ())
    assert found.head.startswith("sha256:")


def test_a_range_is_read_across_segments(archive: Archive) -> None:
    assert list(archive.read(8, 23)) == log(8, 23)
    assert list(archive.read()) == log(1, 30)
    assert list(archive.read(31)) == []


def test_no_archive_is_an_empty_one(tmp_path: Path) -> None:
    empty = Archive(tmp_path / "absent")
    assert (empty.segments(), empty.newest(), list(empty.read()), empty.check().faults) == ([], None, [], ())


def test_files_are_private_and_no_draft_stays(archive: Archive) -> None:
    assert [it.stat().st_mode & 0o777 for it in archive.folder.iterdir()] == [0o600] * 3


@pytest.mark.parametrize("place", range(0, 2400, 150))
def test_a_changed_bit_is_named(archive: Archive, place: int) -> None:
    """In the data by the checksum of its page, elsewhere by the file after it."""
    path, after = (it.path for it in archive.segments()[1:])
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)
    assert any(path.name in it or after.name in it for it in archive.check().faults)


def test_a_changed_bit_in_the_last_file_changes_the_head(archive: Archive) -> None:
    path, head = archive.segments()[-1].path, archive.check().head
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert archive.check().head != head


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_cut_file_is_named(archive: Archive, keep: int) -> None:
    path = archive.segments()[1].path
    path.write_bytes(path.read_bytes()[:keep])
    assert [it.partition(" is damaged")[0] for it in archive.check().faults] == [path.name]
    with pytest.raises(Damaged, match=path.name):
        list(archive.read())


def test_a_missing_file_is_named_by_its_events(archive: Archive) -> None:
    archive.segments()[1].path.unlink()
    (fault,) = archive.check().faults
    assert fault.startswith("events 11-20 are missing before")


def test_a_file_that_was_written_again_breaks_the_chain(archive: Archive) -> None:
    second = archive.segments()[1]
    _, previous = decode(second.path.read_bytes())
    second.path.write_bytes(encode([message(it, b"forged") for it in range(11, 21)], previous))
    (fault,) = archive.check().faults
    assert "does not follow the file before it" in fault


def test_a_file_under_a_wrong_name_is_damaged(archive: Archive) -> None:
    first, second, _ = archive.segments()
    second.path.write_bytes(first.path.read_bytes())
    assert any(it.startswith(f"{second.path.name} is damaged") for it in archive.check().faults)


def test_a_hole_inside_a_segment_is_a_fault_unless_its_event_is_known_as_lost(tmp_path: Path) -> None:
    holed = Archive(tmp_path)
    holed.append([message(1), message(4)])
    assert holed.check().faults == ("events 2-3 are missing in 00000000000000000001-00000000000000000004.parquet",)
    assert holed.check(frozenset({2, 3})).faults == ()


def test_segments_do_not_overlap(archive: Archive) -> None:
    with pytest.raises(ValueError, match="already ends at 30"):
        archive.append(log(30, 31))


def written(archive: Archive, source: list[Message], *, lost: frozenset[int] = frozenset(), rest: bool = True) -> int:
    """Write what a log has; returns how many segments were added."""
    writer = Writer(archive, lost, most_messages=4, most_bytes=10_000)
    writer.require(source[-1].sequence)
    for it in source:
        if it.sequence > writer.after and writer.take(it):
            writer.write()
    if rest:
        writer.write()
    return len(writer.written)


def test_a_writer_continues_where_the_archive_ends(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert written(archive, log(1, 10), rest=False) == 2
    assert [(it.first, it.last) for it in archive.segments()] == [(1, 4), (5, 8)]
    assert written(archive, log(1, 10)) == 1
    assert written(archive, log(1, 10)) == 0
    assert written(archive, log(1, 11)) == 1
    assert list(archive.read()) == log(1, 11)
    assert archive.check().faults == ()


def test_a_writer_bounds_the_bytes_that_it_holds(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    large = [message(it, b"x" * 6_000) for it in range(1, 6)]
    written(archive, large)
    assert [(it.first, it.last) for it in archive.segments()] == [(1, 2), (3, 4), (5, 5)]


def test_a_log_older_than_its_archive_is_refused_with_what_is_missing(archive: Archive) -> None:
    with pytest.raises(OtherLog, match="the events 13-30 are in the archive alone"):
        written(archive, log(1, 12))


def test_another_log_is_refused(archive: Archive) -> None:
    other = [*log(1, 29), message(30, b"another"), message(31)]
    with pytest.raises(OtherLog, match="another event at 30"):
        written(archive, other)
    assert archive.check().messages == 30


@pytest.mark.parametrize("source", [log(2, 5), [message(1), message(3)]])
def test_a_log_with_a_hole_is_refused_unless_its_event_is_known_as_lost(tmp_path: Path, source: list[Message]) -> None:
    with pytest.raises(OtherLog, match=r"lacks the event [12]"):
        written(Archive(tmp_path), source)
    written(Archive(tmp_path), source, lost=frozenset({1, 2}))
    assert list(Archive(tmp_path).read()) == source


def test_a_writer_goes_on_if_the_log_lost_what_the_archive_has(archive: Archive) -> None:
    written(archive, [*log(1, 29), *log(31, 32)], lost=frozenset({30}))
    assert list(archive.read()) == log(1, 32)


def test_a_draft_of_a_killed_writer_is_ignored(archive: Archive) -> None:
    with tempfile.NamedTemporaryFile(dir=archive.folder, prefix=".00000000000000000031", delete=False) as draft:
        draft.write(b"half")
    assert archive.check().faults == ()
    assert written(archive, log(1, 32)) == 1
