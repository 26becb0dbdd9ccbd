"""A second Python with the packages of this one, and packages of its own."""

from __future__ import annotations

import sysconfig
import venv
from pathlib import Path

__all__ = ["packages_of", "second_python"]


def second_python(folder: Path) -> Path:
    """Make a virtual environment and return its interpreter. It sees the packages of the running one, and its own."""
    venv.create(folder, symlinks=True)
    ours = sysconfig.get_path("purelib")
    (packages_of(folder) / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    return folder / "bin" / "python"


def packages_of(folder: Path) -> Path:
    """Where a virtual environment has its packages."""
    (found,) = folder.glob("lib/python*/site-packages")
    return found
