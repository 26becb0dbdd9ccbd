"""Reads secrets from files that only their reader can read."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["read_secret"]


def read_secret(path: Path) -> str:
    """Return the one line in a file, such as an NKey seed or a password.

    Only the owner may be able to read it. A file of root may be readable by the own group too: so Kubernetes gives the
    files of a Secret to a pod.

    Raises:
        OSError: it cannot be read, or other accounts can read it too.
        ValueError: it does not hold exactly one line.
    """
    found = path.stat()
    if not _is_private(found.st_mode, (found.st_uid, found.st_gid), (os.geteuid(), os.getegid())):
        raise PermissionError(f"{path} can be read by others: run `chmod 600 {path}`")
    try:
        (line,) = path.read_text(encoding="utf-8").strip().splitlines()
    except ValueError as error:  # also if it is not text
        raise ValueError(f"{path} must hold exactly one line, the secret") from error
    return line


def _is_private(mode: int, owner: tuple[int, int], reader: tuple[int, int]) -> bool:
    """Whether a file of an owner (user and group) is for its reader alone."""
    is_given = reader[0] != 0 and owner == (0, reader[1])
    return not mode & (0o037 if is_given else 0o077)
