"""A disk with the former key that cannot be deleted is an error: the next replacement would take it for its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from queuebit_kernel import SystemClock
from queuebit_warehouse import replace_key
from queuebit_warehouse.config import ENCRYPTED, RENEWED


def test_a_former_disk_that_cannot_be_deleted_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(folder: Path, *_: object) -> None:
        (folder / "store" / RENEWED).mkdir()

    def refused(path: str, *_: object, **__: object) -> None:
        raise PermissionError(path)

    (tmp_path / "store" / ENCRYPTED).mkdir(parents=True)
    monkeypatch.setattr(replace_key, "_move_parts", moved)
    with monkeypatch.context() as patched:
        patched.setattr(os, "rmdir", refused)
        with pytest.raises(PermissionError):
            replace_key.replace_key(tmp_path, b"a" * 32, b"b" * 32, SystemClock())
    replace_key.replace_key(tmp_path, b"a" * 32, b"b" * 32, SystemClock())
    assert [it.name for it in (tmp_path / "store").iterdir()] == [ENCRYPTED]
