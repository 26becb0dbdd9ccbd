"""Runs every `.qasm` file of a folder with Queuebit and with plain Qiskit Aer: `make collections FOLDER=...`.

Without a folder: the circuits of MQT Bench at a few sizes, and this repository's examples.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from tests.collections.runners import MEMORY_GIB, SECONDS, SHOTS, bare, bounded, preload, queuebit
from tests.collections.sources import write_sources
from tests.collections.verdicts import VERDICTS, Verdict, judge

_PACKAGES = ("queuebit-quantum", "qiskit", "qiskit-aer", "mqt.bench")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make collections", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where to look for .qasm files, below it too")
    asked = parser.parse_args()
    if asked.folder:
        verdicts = _compare(asked.folder)
    else:
        with tempfile.TemporaryDirectory(prefix="queuebit-collections-") as scratch:
            generation = multiprocessing.get_context("fork").Process(target=write_sources, args=(Path(scratch),))
            generation.start()  # a process of its own: this one must not have run a circuit before it forks
            generation.join()
            if generation.exitcode:
                print(f"the circuits of MQT Bench were not written: the process ended with {generation.exitcode}")
                return 2
            verdicts = _compare(Path(scratch))
    if not verdicts:
        print(f"{asked.folder} holds no .qasm file")
        return 2
    print(_table(verdicts))
    return 1 if any(verdict.kind in ("wrong", "crash") for verdict in verdicts) else 0


def _compare(folder: Path) -> list[Verdict]:
    preload()
    verdicts = []
    for path in sorted(folder.rglob("*.qasm")):
        started = time.monotonic()
        ours = bounded(queuebit, path)
        seconds = time.monotonic() - started
        verdict = judge(path.relative_to(folder), ours, bounded(bare, path), seconds)
        verdicts.append(verdict)
        if verdict.kind != "same":
            print(f"{verdict.kind:9} {seconds:5.1f} s  {verdict.path}: {verdict.detail}", flush=True)
    return verdicts


def _table(verdicts: Iterable[Verdict]) -> str:
    """Return counts by folder and verdict, as Markdown."""
    folders: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        folders.setdefault(str(verdict.path.parent), Counter())[verdict.kind] += 1
    versions = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    lines = [
        f"\n{versions}; {SHOTS:,} shots each; at most {SECONDS} s and {MEMORY_GIB} GiB for one run\n",
        f"| collection | {' | '.join(VERDICTS)} | files |",
        "|---|" + "---:|" * (len(VERDICTS) + 1),
    ]
    for folder, kinds in sorted(folders.items()):
        cells = " | ".join(str(kinds[kind] or "") for kind in VERDICTS)
        lines.append(f"| {folder} | {cells} | {kinds.total()} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
