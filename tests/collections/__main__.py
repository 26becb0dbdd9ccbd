"""Runs every `.qasm` file of a folder with Queuebit and with reference programs: `make collections FOLDER=...`.

Each folder in it is one collection. Without a folder: the circuits of MQT Bench at a few sizes, and this repository's
examples.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.collections.front_ends import FRONT_ENDS, QISKIT, is_version_2
from tests.collections.references import REFERENCES, interpreter
from tests.collections.runners import Run, bounded, preload, queuebit
from tests.collections.sources import collect
from tests.collections.steps import same_steps
from tests.collections.tables import Accepted, acceptance_table, replace_tables, verdict_table
from tests.collections.verdicts import FAILURES, Verdict, judge, judge_again

import queuebit_quantum

_QUICK = 10
"""Seconds for a front end, and for a reference after the first."""
_LONG = 64 << 10
"""Bytes of a file; front ends are not compared on longer ones."""


def main() -> int:
    asked = _arguments()
    if asked.folder and not asked.checkouts:
        return _report(asked, asked.folder)
    with tempfile.TemporaryDirectory(prefix="queuebit-collections-") as scratch:
        folder = asked.folder or Path(scratch)
        generation = multiprocessing.get_context("fork").Process(target=collect, args=(folder, asked.checkouts))
        generation.start()  # a process of its own: this one must not have run a circuit before it forks
        generation.join()
        if generation.exitcode:
            print(f"the collections were not written: the process ended with {generation.exitcode}")
            return 2
        return _report(asked, folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make collections", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a folder with one folder for each collection")
    parser.add_argument(
        "--checkouts", type=Path, help="a folder of checked-out repositories: their programs are copied"
    )
    parser.add_argument("--results", type=Path, help="keeps results, which are not run again; FOLDER/results.jsonl")
    parser.add_argument("--document", type=Path, help="a Markdown file whose tables are replaced")
    parser.add_argument("--verdicts", action="store_true", help="leave out which readers accept a file")
    parser.add_argument("--only", default="", help="the beginning of the paths of the files to run")
    asked = parser.parse_args()
    if asked.folder and not asked.results:
        asked.results = asked.folder / "results.jsonl"
    return asked


def _report(asked: argparse.Namespace, folder: Path) -> int:
    files = [it for it in sorted(folder.rglob("*.qasm")) if str(it.relative_to(folder)).startswith(asked.only)]
    if not files:
        print(f"{folder} holds no .qasm file")
        return 2
    preload()
    gc.freeze()  # children then copy fewer pages
    kept = _kept(asked.results)
    code = _code()
    for path in sorted(files, key=lambda it: it.stat().st_size):  # a run that is stopped has most files
        place = str(path.relative_to(folder))
        if place not in kept:
            found = dict(
                zip(("verdict", "accepted"), map(asdict, _examined(folder, path, asked.verdicts)), strict=True)
            )
            kept[place] = {"code": code, **found}
            _keep(asked.results, place, kept[place])
    rows = [kept[str(path.relative_to(folder))] for path in files]
    verdicts = [Verdict(**it["verdict"]) for it in rows]
    for verdict in verdicts:
        if verdict.kind not in ("same", "unmeasured", "same steps"):
            print(f"{verdict.kind:9} {verdict.seconds:5.1f} s  {verdict.path}: {verdict.detail}", flush=True)
    if older := sum(it["code"] != code for it in rows):
        print(
            f"{older:,} of {len(rows):,} results are of another version of the reader: remove {asked.results} to renew"
        )
    tables = [verdict_table(verdicts), acceptance_table(Accepted(**it["accepted"]) for it in rows)]
    print("\n\n".join(tables))
    if asked.document:
        replace_tables(asked.document, tables)
    return 1 if any(verdict.kind in FAILURES for verdict in verdicts) else 0


def _examined(folder: Path, path: Path, verdicts_only: bool) -> Iterator[Verdict | Accepted]:
    """Yield the verdict on a file, and which front ends accept it."""
    place = str(path.relative_to(folder))
    started = time.monotonic()
    ours = bounded(queuebit, path)
    seconds = time.monotonic() - started
    (name, first), *others = REFERENCES.items()
    qiskit = theirs = Run("crash", {}, "not asked") if ours.state in ("refused", "large") else bounded(first, path)
    for another, reference in others if ours.state == "done" else ():
        if theirs.state != "done" and (found := bounded(reference, path, _QUICK)).state == "done":
            name, theirs = another, found
    compared = ours.state == "refused" or (ours.state == theirs.state == "done")
    verdict = judge(place, ours, theirs, seconds, name, None if compared else bounded(same_steps, path))
    if verdict.kind == "wrong" and compared:
        verdict = judge_again(verdict, ours, bounded(interpreter, path, _QUICK), "the interpreter")
    yield verdict
    language = 2 if is_version_2(path.read_text(encoding="utf-8")) else 3
    if verdicts_only or path.stat().st_size > _LONG:
        yield Accepted(place, language, None)
        return
    known = {"Queuebit"} if ours.state in ("done", "large") else set()
    known |= {QISKIT[language]} if qiskit.state == "done" else set()
    accepts = (
        name for name, read in FRONT_ENDS.items() if name in known or bounded(read, path, _QUICK).state == "done"
    )
    yield Accepted(place, language, [*accepts])


def _code() -> str:
    """A digest of Queuebit's readers and simulator: results of other code are counted."""
    files = sorted(Path(queuebit_quantum.__file__).parent.rglob("*.py"))
    return sha256(b"".join(it.read_bytes() for it in files)).hexdigest()[:12]


# What is kept is JSON: two dictionaries for each file.
def _kept(results: Path | None) -> dict[str, Any]:
    lines = results.read_text().splitlines() if results and results.exists() else []
    return {found.pop("place"): found for found in map(json.loads, lines)}


def _keep(results: Path | None, place: str, found: dict[str, Any]) -> None:
    if results:
        with results.open("a") as file:
            file.write(json.dumps({"place": place} | found) + "\n")


if __name__ == "__main__":
    sys.exit(main())
