"""The tables of a run as Markdown, and their place in a document."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.collections.front_ends import FRONT_ENDS
from tests.collections.runners import MEMORY_GIB, SECONDS, SHOTS
from tests.collections.verdicts import VERDICTS, Verdict

__all__ = ["Accepted", "acceptance_table", "replace_tables", "verdict_table"]

_PACKAGES = ("queuebit-quantum", "qiskit", "qiskit-aer", "qiskit-qasm3-import", "openqasm3", "pyqasm", "mqt.bench")
_NOT_COMPARED = "not compared"
_ACCEPTANCE = (*FRONT_ENDS, "compared", _NOT_COMPARED, "files")
"""Columns of the second table. Those before the last three overlap; *compared* and *not compared* add up to *files*."""
_MARKED = "<!-- table {} of make collections -->"


@dataclass(frozen=True)
class Accepted:
    """The front ends that accept a file."""

    path: str
    language: int
    """2 or 3."""
    readers: Sequence[str] | None
    """None: the readers were not compared on the file; it is too long, or only its verdict was asked for."""


def verdict_table(verdicts: Iterable[Verdict]) -> str:
    """Return counts by collection and verdict."""
    collections: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        collections.setdefault(_collection(verdict.path), Counter())[verdict.kind] += 1
    versions = ", ".join(f"{package} {_version(package)}" for package in _PACKAGES)
    lines = [
        f"Python {platform.python_version()}, {versions}; {SHOTS:,} shots each; "
        f"at most {SECONDS} s of processor time and {MEMORY_GIB} GiB for one run.\n",
        f"| collection | {' | '.join(VERDICTS)} | files |",
        "|---|" + "---:|" * (len(VERDICTS) + 1),
    ]
    total: Counter[str] = Counter()
    for collection, kinds in sorted(collections.items()):
        total += kinds
        lines.append(f"| {collection} | {_cells(kinds)} | {kinds.total()} |")
    lines.append(f"| all | {_cells(total)} | {total.total()} |")
    return "\n".join(lines)


def acceptance_table(accepted: Iterable[Accepted]) -> str:
    """Return by collection and language how many files each front end accepts."""
    counts: dict[tuple[str, int], Counter[str]] = {}
    for it in accepted:
        columns = [_NOT_COMPARED] if it.readers is None else [*it.readers, "compared"]
        counts.setdefault((_collection(it.path), it.language), Counter()).update([*columns, "files"])
    lines = [
        f"| collection | OpenQASM | {' | '.join(_ACCEPTANCE)} |",
        "|---|---|" + "---:|" * len(_ACCEPTANCE),
    ]
    for (collection, language), found in sorted(counts.items()):
        lines.append(f"| {collection} | {language} | {_read(found)} |")
    for language in (2, 3):
        total = sum((found for (_, it), found in counts.items() if it == language), Counter[str]())
        lines.append(f"| all | {language} | {_read(total)} |")
    return "\n".join(lines)


def replace_tables(document: Path, tables: Sequence[str]) -> None:
    """Write each table between its two marks in a document."""
    text = document.read_text(encoding="utf-8")
    for number, table in enumerate(tables, 1):
        mark = re.escape(_MARKED.format(number))
        text, found = re.subn(f"(?<={mark}\n).*?(?=\n{mark})", _literal(table), text, flags=re.DOTALL)
        if not found:
            raise ValueError(f"{document} has no place for table {number}: write two lines {_MARKED.format(number)}")
    document.write_text(text, encoding="utf-8")


def _literal(text: str) -> str:
    """Return a text as a replacement of `re.subn`."""
    return text.replace("\\", "\\\\")


def _collection(path: str) -> str:
    return Path(path).parts[0]


def _cells(kinds: Counter[str]) -> str:
    return " | ".join(str(kinds[kind] or "") for kind in VERDICTS)


def _read(found: Counter[str]) -> str:
    return " | ".join(str(found[name]) for name in _ACCEPTANCE)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(absent)"
