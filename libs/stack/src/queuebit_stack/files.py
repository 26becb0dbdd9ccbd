"""Files that are written completely or not at all, with mode 0600."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from queuebit_stack.errors import Exit, Stop

__all__ = ["read_json", "require_place", "write_private"]


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file in one step, with mode 0600."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def require_place(path: Path, option: str = "--output") -> None:
    """Check that a file can be written there, before the work starts.

    Raises:
        Stop: it cannot.
    """
    try:
        with tempfile.TemporaryFile(dir=path.absolute().parent):
            odd = path.exists() and not path.is_file()
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path} cannot be written: {error.strerror}; choose another {option}") from error
    if odd:
        raise Stop(Exit.USAGE, f"{path} is not a regular file: choose another {option}")


def read_json(path: Path) -> dict[str, Any] | None:  # any JSON; readers check the fields that they use
    """The object in a JSON file; None if there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) else None
