"""I8: after a kill of any process at any time, nothing is lost, run twice or charged twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit_testing.server import declared

WITHOUT_WORK = {"prober"}
"""Services that do not start in a home without their documents."""
KILLED = {*declared().service, "nats-server", "warehouse"} - WITHOUT_WORK


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_five_hundred_jobs_survive_the_death_of_every_process(tmp_path: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "tests.faults",
        "--jobs",
        "500",
        "--least",
        str(len(KILLED) + 4),
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert (report["results"], report["receipts"], report["refused"]) == (500, 500, [])
    assert set(report["invariants"].items()) == {(name, "holds") for name in ("I1", "I2", "I3", "I4", "I5", "I6", "I7")}
    assert report["invoices"] == {"demo": "equal", "lab": "equal"}, "as computed a second time from the raw log"
    assert set(report["strikes"]) == KILLED
