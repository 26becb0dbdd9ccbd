"""Secrets are in files that only their owners can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_runtime.secrets import _is_private, read_secret


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


@pytest.mark.parametrize(
    ("mode", "owner", "reader", "private"),
    [
        (0o440, (0, 10001), (10001, 10001), True),
        (0o640, (0, 10001), (10001, 10001), True),
        (0o460, (0, 10001), (10001, 10001), False),
        (0o444, (0, 10001), (10001, 10001), False),
        (0o440, (0, 100), (10001, 10001), False),
        (0o440, (500, 10001), (10001, 10001), False),
        (0o440, (0, 0), (0, 0), False),
        (0o400, (10001, 10001), (10001, 10001), True),
    ],
)
def test_root_may_give_a_file_to_the_group_of_a_service(
    mode: int, owner: tuple[int, int], reader: tuple[int, int], private: bool
) -> None:
    assert _is_private(mode, owner, reader) is private
