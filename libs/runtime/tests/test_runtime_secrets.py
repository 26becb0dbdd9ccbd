"""Secrets are in files that only their owners can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_runtime.secrets import read_secret


def keep(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"  s3cret \r\n"])
def test_the_line_is_read_without_what_surrounds_it(tmp_path: Path, content: bytes) -> None:
    assert read_secret(keep(tmp_path, content)) == "s3cret"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe"])
def test_anything_else_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match="must hold exactly one line") as refused:
        read_secret(keep(tmp_path, content))
    assert "two" not in str(refused.value)


def test_what_others_can_read_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="chmod 600"):
        read_secret(keep(tmp_path, b"s3cret", 0o640))
