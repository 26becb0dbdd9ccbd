"""Runs public notebooks on a stack and on their own simulator, and compares key results: `make notebooks FOLDER=...`.

FOLDER holds a clone or copy of each repository as OWNER/NAME; files that are not there are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.notebooks.sources import CATALOG, Notebook, Unexpected, catalog, code_of, replaced
from tests.notebooks.verdicts import differences

from queuebit import Client
from queuebit_testing.embedded import EmbeddedStack

_ROOT = Path(__file__).parents[2]
_SECONDS = 900
"""Time for one run of a program."""
_BILLED = 30
"""Seconds that a bill may take; a program that failed can leave a job that still runs."""
_BUDGET = "1000000"
_SHOTS = 100_000_000
"""Of one job: a kernel matrix is one, and has thousands of runs."""
_BACKENDS = "[stack.aer]\nrun_seconds = 600\n\n[stack.ibm]\nrun_seconds = 600\n"
"""Time for the simulations of one job: cut circuits are hundreds of noisy runs."""
_TENANT, _PROJECT = "demo", "playground"


@dataclass(frozen=True)
class Row:
    """The result of one notebook."""

    notebook: Notebook
    verdict: str
    jobs: int = 0
    charge: Decimal = Decimal(0)
    seconds: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make notebooks", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the repositories are")
    parser.add_argument("--only", default="", help="a part of the name of a notebook")
    asked = parser.parse_args()
    chosen = [it for it in catalog(CATALOG.read_text(encoding="utf-8")) if asked.only in it.name]
    present = [it for it in chosen if it.file(asked.folder).exists()]
    if not present:
        print(f"{asked.folder} has none of the files: {CATALOG.name} names repositories and commits")
        return 2
    with tempfile.TemporaryDirectory(prefix="queuebit-notebooks-") as scratch:
        home = Path(scratch) / "home"
        with EmbeddedStack(home):  # makes the home; settings are read at the next start
            pass
        (home / "backends.toml").write_text(_BACKENDS, encoding="utf-8")
        with EmbeddedStack(home) as stack:
            stack.qb("tenant", "fund", _TENANT, _PROJECT, _BUDGET)
            stack.qb("tenant", "limit", _TENANT, "--max-shots", str(_SHOTS))
            rows = [_compared(it, asked.folder, home) for it in present]
    print(_table(rows))
    return 1 if any(row.verdict != "same" for row in rows) else 0


def _compared(notebook: Notebook, folder: Path, home: Path) -> Row:
    """Run a notebook twice and compare."""
    path = notebook.file(folder)
    try:
        code = code_of(path)
        ours, theirs = replaced(code, notebook.replace), replaced(code, notebook.own)
    except Unexpected as error:
        return Row(notebook, str(error))
    with Client(home=home) as client:
        jobs, charged = _spent(client)
        started = time.monotonic()
        mine = _run(ours, notebook, path.parent, home)
        seconds = time.monotonic() - started
        jobs_after, charged_after = _spent(client)
    verdict = _verdict(notebook, mine, _run(theirs, notebook, path.parent, home))
    print(f"{seconds:6.1f} s  {notebook.name}: {verdict}", flush=True)
    return Row(notebook, verdict, jobs_after - jobs, charged_after - charged, seconds)


def _verdict(notebook: Notebook, ours: dict[str, Any], theirs: dict[str, Any]) -> str:  # JSON
    if "failure" in ours:
        return f"failed: {ours['failure']}"
    if "failure" in theirs:
        return f"its own run failed: {theirs['failure']}"
    return "; ".join(differences(notebook.compare, ours["results"], theirs["results"])) or "same"


def _run(code: str, notebook: Notebook, where: Path, home: Path) -> dict[str, Any]:
    """Run a program in a process of its own, in the folder of its file, where its data are."""
    with tempfile.TemporaryDirectory(prefix="queuebit-notebook-") as scratch:
        answer = Path(scratch) / "answer.json"
        request = {"code": code, "expressions": list(notebook.compare), "answer": str(answer)}
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ, "QUEUEBIT_HOME": str(home), "MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(paths)
        }  # fmt: skip
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.notebooks.child"], input=json.dumps(request), text=True, cwd=where,
                env=environment, capture_output=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"failure": f"it took more than {_SECONDS} s"}
        if not answer.exists():
            return {"failure": f"its process ended with {done.returncode}: {done.stderr[-300:]}"}
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        if "failure" in found:
            print(done.stderr, file=sys.stderr)
        return found


def _spent(client: Client) -> tuple[int, Decimal]:
    """Return how many jobs the project had, and what they cost, when the last one is billed."""
    deadline = time.monotonic() + _BILLED
    while True:
        balance = next(row for row in client.balances() if row["name"] == _PROJECT)
        if not Decimal(str(balance["held"])) or time.monotonic() > deadline:
            jobs = sum(int(str(row["jobs"])) for row in client.charges(project=_PROJECT))
            return jobs, Decimal(str(balance["spent"]))
        time.sleep(0.1)


def _table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| notebook | source | licence | jobs | charge | seconds | result |", "|---|---|---|---:|---:|---:|---|"]
    for row in rows:
        it = row.notebook
        source = f"`{it.repository}` `{it.path}` at `{it.commit[:10]}`"
        cells = (it.name, source, it.licence, f"{row.jobs:,}", f"{row.charge:.3f}", f"{row.seconds:.0f}", row.verdict)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
