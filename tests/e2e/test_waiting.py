"""Waiting without a result: the wait ends in time, and says what it waited for."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack


@pytest.fixture
def no_scheduler(second: EmbeddedStack) -> Iterator[EmbeddedStack]:
    """A stack with a stopped scheduler (SIGSTOP), which continues after the test."""
    pid = next(row["pid"] for row in second.until(ready=True) if row["service"] == "scheduler")
    os.kill(pid, signal.SIGSTOP)
    yield second
    os.kill(pid, signal.SIGCONT)
    second.until(ready=True)


def test_a_wait_that_times_out_names_what_it_waited_for(no_scheduler: EmbeddedStack, circuits: Path) -> None:
    words = (str(circuits / "bell.qasm"), "--key", "waits for its turn")
    job = no_scheduler.ask("submit", *words)["job"]
    while no_scheduler.ask("job", "show", job)["state"] == "submitted":
        time.sleep(0.1)  # the test's own time limit ends this
    (output,) = no_scheduler.submit(*words, "--timeout", "1", accept=(1,))
    assert output["state"] == "accepted"
    assert output["reasons"][0]["code"] == "still_running"
    assert "it is accepted and waits for its turn on a backend" in output["reasons"][0]["text"]
    row = next(it for it in no_scheduler.ask("status", accept=(4,))["services"] if it["service"] == "scheduler")
    assert row["reason"] == f"stopped by a signal: kill -CONT {row['pid']} resumes it"


def test_who_stops_waiting_is_reported_which_job_goes_on(
    no_scheduler: EmbeddedStack, circuits: Path, tmp_path: Path
) -> None:
    argv = no_scheduler.argv("submit", str(circuits / "bell.qasm"), "--wait")
    before = {row["job"] for row in _jobs(no_scheduler)}
    with (tmp_path / "told").open("w") as output:
        waiting = subprocess.Popen(argv, stdout=output, stderr=output, preexec_fn=_interruptible)  # noqa: PLW1509  # no threads here
        deadline = time.monotonic() + 60
        while not (new := {row["job"] for row in _jobs(no_scheduler)} - before):
            assert time.monotonic() < deadline
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(60) == 130
    assert f"qb job watch {new.pop()}" in (tmp_path / "told").read_text()


def _jobs(stack: EmbeddedStack) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(stack.qb("jobs", "--json"))
    return found


def _interruptible() -> None:
    """A background shell has its children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
