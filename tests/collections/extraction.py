"""Copies the OpenQASM of repositories to one folder: `python -m tests.collections.extraction FOLDER NAME=CHECKOUT…`.

The files are those that end in `.qasm`, `.qasm2` or `.qasm3`, and the texts of programs in Python files: constant
strings with an `OPENQASM` header. Strings that Python puts together at run time are not found. A text that occurs twice
in a collection is copied once.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

__all__ = ["extract", "programs_of"]

_SUFFIXES = frozenset({".qasm", ".qasm2", ".qasm3"})
_HEADER = re.compile(r"\s*(?://[^\n]*\s*|/\*.*?\*/\s*)*OPENQASM\s", re.DOTALL)


def extract(checkout: Path, target: Path) -> int:
    """Copy the programs of one checkout to a folder, and return their number."""
    seen: set[str] = set()
    for place, text in programs_of(checkout):
        if text not in seen:
            seen.add(text)
            written = target / place
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(text, encoding="utf-8")
    return len(seen)


def programs_of(checkout: Path) -> Iterator[tuple[Path, str]]:
    """Yield each program with the path that it gets."""
    for path in sorted(it for it in checkout.rglob("*") if it.is_file()):
        place = path.relative_to(checkout)
        if path.suffix in _SUFFIXES:
            yield place.with_suffix(".qasm"), path.read_text(encoding="utf-8", errors="replace")
        elif path.suffix == ".py":
            for line, text in _constants(path):
                yield Path("inline") / f"{'-'.join(place.with_suffix('').parts)}-{line}.qasm", text


def _constants(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except SyntaxError:
        return
    parts = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in parts:
            continue
        if _HEADER.match(node.value) and ";" in node.value:
            yield node.lineno, node.value


def main() -> int:
    target, *checkouts = sys.argv[1:] or [""]
    if not checkouts or any("=" not in it for it in checkouts):
        print("usage: python -m tests.collections.extraction FOLDER NAME=CHECKOUT…")
        return 2
    for name, _, checkout in (it.partition("=") for it in checkouts):
        if not Path(checkout).is_dir():
            print(f"{checkout} is not a folder: give the checkout of a repository")
            return 2
        print(f"{name}: {extract(Path(checkout), Path(target) / name):,} programs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
