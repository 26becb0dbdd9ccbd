"""A home of an older version starts, verifies, finishes open jobs, and runs new ones."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

HERE = Path(__file__).parent
HOMES = sorted(HERE.glob("*/home.tar.xz"))

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.mark.parametrize("archive", HOMES, ids=lambda path: path.parent.name)
def test_an_old_home_starts_verifies_and_runs_another_job(archive: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with tarfile.open(archive) as tar:
        tar.extractall(home, filter="tar")
    (home / "backends.toml").write_text("[stack.cirq]\nrun_seconds = 240\n")  # a busy machine ends the long job late
    then = json.loads((archive.parent / "views" / "log.json").read_text())["jobs"]
    bell = tmp_path / "bell.qasm"
    bell.write_text(BELL)
    with EmbeddedStack(home) as stack:
        (done,) = stack.submit(str(bell), "--tenant", "acme", "--user", "ada", "--backend", "aer")
        assert done["state"] == "completed"
        verdicts = stack.ask("verify", "--wait", "60", accept=(0, 1), timeout=150)
        assert [it for it in verdicts if not it["holds"]] == []
        rows = stack.ask("jobs", "--tenant", "acme", "--user", "ada", "--limit", "100")
        ended = next(name.removeprefix("acme/") for name, job in then.items() if job["sealed"] and "acme/" in name)
        for job in (ended, str(done["job"])):
            assert stack.ask("receipt", "verify", job, "--tenant", "acme", "--user", "ada")["verified"], job
    now = {f"acme/{row['job']}": row for row in rows}
    for name, job in then.items():
        if name.startswith("acme/"):
            over = job["state"] in ("rejected", "completed", "failed", "cancelled")
            assert now[name]["state"] == (job["state"] if over else "completed"), name
            assert now[name]["sealed"], name
