"""The fault matrix names only what exists, its page has each row, and slopes are what they are called."""

from __future__ import annotations

import importlib.util
import os
import shlex
from pathlib import Path

import pytest
from tests.faults.disks import CutDisk, Unavailable, fill, small_disk
from tests.faults.rows import ROWS, Programs, Row
from tests.faults.soak import slope_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/drills.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", ROWS.values(), ids=map(str, ROWS))
def test_the_programs_of_a_row_exist(row: Row) -> None:
    for command in row.by.commands if isinstance(row.by, Programs) else ():
        module, *words = shlex.split(command)
        assert importlib.util.find_spec(module)
        assert [it for it in words if it.endswith(".py") and not (ROOT / it).exists()] == []


@pytest.mark.parametrize("number", ROWS)
def test_the_page_has_each_row(number: int) -> None:
    assert f"| {number} | {ROWS[number].fault} |" in PAGE


def test_a_slope_is_what_a_job_adds() -> None:
    jobs = list(range(0, 10_000, 100))
    slope = slope_of(jobs, [50_000_000 + 700 * it for it in jobs])
    assert (slope.first_mb, slope.last_mb, slope.bytes_per_job) == (50.7, 56.9, 700.0)


def test_a_power_cut_keeps_what_was_written_through_and_nothing_else(tmp_path: Path) -> None:
    try:
        disk = CutDisk(tmp_path / "image", tmp_path / "disk", 64)
    except Unavailable as error:
        pytest.skip(f"no such disk can be made here: {error}")
    kept, lost = tmp_path / "disk/kept", tmp_path / "disk/lost"
    try:
        for path in (kept, lost):
            path.write_text("confirmed", encoding="utf-8")
        for path in (kept, kept.parent):
            _write_through(path)
        lost.write_text("not yet", encoding="utf-8")
        disk.cut()
        disk.unmount()
        disk.mount()
        assert kept.read_text(encoding="utf-8") == "confirmed"
        assert not lost.exists() or lost.read_text(encoding="utf-8") != "not yet"
    finally:
        disk.unmount()


def test_a_full_disk_takes_not_one_byte_more(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk", 1) as disk:
            fill(disk)
            with pytest.raises(OSError, match="No space left"), (disk / "filler").open("ab", buffering=0) as file:
                file.write(b"x")
    except Unavailable as error:
        pytest.skip(f"no such disk can be made here: {error}")


def _write_through(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
