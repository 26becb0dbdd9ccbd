"""Secrets lie in files, and only their owners read them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_secret"]


def read_secret(path: Path) -> str:
    """Return the one line in a file, such as an NKey seed or a password.

    Raises:
        OSError: it cannot be read, or someone else can read it too.
        ValueError: it holds anything but one line.
    """
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: run `chmod 600 {path}`")
    try:
        (line,) = path.read_text(encoding="utf-8").strip().splitlines()
    except ValueError as error:  # also what is no text
        raise ValueError(f"{path} must hold one line, the secret itself, and does not") from error
    return line
