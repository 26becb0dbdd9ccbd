"""Secrets lie in files, and only their owners read them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_secret"]


def read_secret(path: Path) -> str:
    """Return the one line in a file, such as an NKey seed or a password.

    Raises:
        PermissionError: someone else can read it.
    """
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: run `chmod 600 {path}`")
    return path.read_text().strip()
