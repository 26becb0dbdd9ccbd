"""One row of the fault matrix: faults strike a stack under jobs; then the checks.

    python -m tests.faults --row 2 --jobs 10000

It prints one JSON report, and exits with 0 if all that must hold does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.faults.disks import Unavailable
from tests.faults.drill import Drill, Report, check, fund
from tests.faults.rows import ROWS, Programs, Strikes

_OWN = "DRILL_OWN_NETWORK"
_AGAIN = f'ip link set lo up && {_OWN}=1 exec "$@"'


def drill(row: Strikes, folder: Path, jobs: int, every_s: float, least: int) -> Report:
    """Start a stack, let the faults strike it under jobs, and check what must hold."""
    with row.scene(folder, every_s) as (stack, strikes):
        fund(stack)
        it = Drill(stack, jobs, every_s * (len(stack.names()) + 1), least)
        asyncio.run(it.run(strikes))
        check(stack, it.report)
        return it.report


def _in_own_network() -> int:
    """Run this program again in a network that has nothing but a loopback of its own."""
    words = ["unshare", "--net", "sh", "-c", _AGAIN, "sh", sys.executable, "-m", "tests.faults", *sys.argv[1:]]
    return subprocess.run(words, check=False).returncode


def _run(programs: Programs, jobs: int | None) -> int:
    for number, command in enumerate(programs.commands, 1):
        words = shlex.split(command)
        if jobs is not None and programs.jobs and number == len(programs.commands):
            words[words.index(programs.jobs) + 1] = str(jobs)
        code = subprocess.run([sys.executable, "-m", *words], check=False).returncode
        if code != 0:
            return code
    return 0


def _table() -> str:
    return "\n".join(f"{number:>3}  {it.fault}" for number, it in ROWS.items())


def main() -> int:
    """Run it as a program."""
    parser = argparse.ArgumentParser(
        prog="make drill",
        description=__doc__.partition("\n")[0],
        epilog=f"rows:\n{_table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--row", type=int, default=2, choices=ROWS, metavar="N", help="the fault; default: 2")
    parser.add_argument("--jobs", type=int, metavar="N", help="default: as many as the row says")
    parser.add_argument("--every", type=float, metavar="S", help="seconds between two strikes")
    parser.add_argument("--least", type=int, metavar="N", help="the least number of strikes")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where the stack lies; a temporary folder when absent"
    )
    asked = parser.parse_args()
    logging.getLogger("queuebit").setLevel(logging.ERROR)  # that a job still waits is no news here
    by = ROWS[asked.row].by
    if isinstance(by, Programs):
        return _run(by, asked.jobs)
    if by.own_network and _OWN not in os.environ:
        return _in_own_network()
    with tempfile.TemporaryDirectory(prefix="queuebit-drill-") as folder:
        try:
            report = drill(
                by,
                asked.folder or Path(folder),
                by.jobs if asked.jobs is None else asked.jobs,
                by.every_s if asked.every is None else asked.every,
                by.least if asked.least is None else asked.least,
            )
        except Unavailable as error:
            print(f"this fault cannot be made here: {error}", file=sys.stderr)
            return 2
    print(json.dumps(asdict(report) | {"row": asked.row, "passed": report.passed}, indent=1))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
