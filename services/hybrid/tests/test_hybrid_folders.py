"""A start removes the folders that a killed process left, and no folder in use."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from queuebit_hybrid.folders import own_folder, remove_abandoned
from queuebit_kernel import SystemClock


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_only_what_no_process_uses_is_removed(temporary: Path) -> None:
    left, new, other = (temporary / name for name in ("qb-hybrid-child-left", "qb-hybrid-child-new", "another"))
    for it in (left / "work", new, other):
        it.mkdir(parents=True)
    (temporary / "qb-hybrid-child-link").symlink_to(other)
    with own_folder() as used:
        for it in (left, used, other):
            os.utime(it, (0, 0))
        remove_abandoned(SystemClock())
        assert {it.name for it in temporary.iterdir()} == {
            used.name,
            "qb-hybrid-child-new",
            "qb-hybrid-child-link",
            "another",
        }
    assert not used.exists()
