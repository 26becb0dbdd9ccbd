"""The code of a notebook or script, with the declared lines replaced."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CATALOG", "Notebook", "Unexpected", "catalog", "code_of", "replaced"]

CATALOG = Path(__file__).parent / "notebooks.toml"
_FENCE = "```"


class Unexpected(Exception):
    """A file is not the one that the catalog describes."""


@dataclass(frozen=True)
class Notebook:
    """One entry of the catalog."""

    name: str
    repository: str
    path: str
    commit: str
    licence: str
    replace: tuple[tuple[str, str], ...]
    """Texts of import and service lines, and what Queuebit's user writes there."""
    own: tuple[tuple[str, str], ...]
    """The same for the run without Queuebit, where the original needs an account or a file of somewhere else."""
    compare: Mapping[str, float]
    """Expressions over the names of the program, and how far two runs may be apart."""

    def file(self, folder: Path) -> Path:
        """Return where it is, in a folder with a clone or copy of each repository."""
        return folder / self.repository / self.path


def catalog(text: str) -> list[Notebook]:
    """Return the entries of a catalog in TOML."""
    return [_notebook(row) for row in tomllib.loads(text)["notebook"]]


def _notebook(row: dict[str, Any]) -> Notebook:  # TOML
    replace, own = (tuple((old, new) for old, new in row.pop(key, ())) for key in ("replace", "own"))
    return Notebook(replace=replace, own=own, **row)


def code_of(path: Path) -> str:
    """Return the code of a `.py`, `.ipynb` or MyST `.md` file, without the lines that only IPython understands."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    elif path.suffix == ".md":
        text = "\n".join(_myst(text.splitlines()))
    elif path.suffix == ".py":
        return text
    else:
        raise Unexpected(f"{path.name} is neither a script nor a notebook")
    return "\n".join(line for line in text.splitlines() if not line.startswith(("%", "!")))


def _myst(lines: Sequence[str]) -> list[str]:
    found, inside = [], False
    for line in lines:
        if line.startswith(_FENCE):
            inside = line.startswith(_FENCE + "{code-cell}")
        elif inside and not line.startswith((":", "---")):
            found.append(line)
    return found


def replaced(code: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Replace texts, each of which must be there.

    Raises:
        Unexpected: one is not; the file is of another version.
    """
    for old, new in pairs:
        if old not in code:
            raise Unexpected(f"the file has no {old!r}: take the commit that the catalog names")
        code = code.replace(old, new)
    return code
