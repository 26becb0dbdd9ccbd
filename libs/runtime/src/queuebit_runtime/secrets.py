"""Reads secrets from files that only their owner can read."""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_secret"]


def read_secret(path: Path) -> str:
    """Return the one line in a file, such as an NKey seed or a password.

    Raises:
        OSError: it cannot be read, or other accounts can read it too.
        ValueError: it does not hold exactly one line.
    """
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others: run `chmod 600 {path}`")
    try:
        (line,) = path.read_text(encoding="utf-8").strip().splitlines()
    except ValueError as error:  # also if it is not text
        raise ValueError(f"{path} must hold exactly one line, the secret") from error
    return line
