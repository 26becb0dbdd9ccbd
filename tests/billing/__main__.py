"""The billing drill: histories of jobs are written while the processes that bill them are killed; then the checks.

    python -m tests.billing --jobs 100000

It starts nats-server, the warehouse, metering and telemetry in a folder of their own, writes what broker, scheduler and
executors would write, kills the four at random moments, has two periods invoiced, and compares every line with a second
computation from the raw log. It prints one JSON report, and exits with 0 if everything agrees to the last digit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.billing.drill import Drill


def main() -> int:
    """Run it as a program."""
    parser = argparse.ArgumentParser(prog="make drill-billing", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000, metavar="N")
    parser.add_argument("--every", type=float, default=6.0, metavar="S", help="mean seconds between two kills")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), metavar="N")
    parser.add_argument("--home", type=Path, metavar="DIR", help="where the home lies; a temporary folder when absent")
    parser.add_argument("--plant", choices=("charge", "correction"), help="plant a fault, which must be found")
    parser.add_argument("--limit", type=float, default=86_400.0, metavar="S", help="seconds after which no job begins")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="queuebit-billing-") as folder:
        drill = Drill(asked.home or Path(folder), asked.jobs, asked.every, asked.seed, asked.plant, asked.limit)
        report = asyncio.run(drill.run())
    print(json.dumps(asdict(report) | {"passed": report.passed}, indent=1))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
