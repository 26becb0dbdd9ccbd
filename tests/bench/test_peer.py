"""The comparison with Celery counts the processor time of every process, and reports missing programs."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
from tests.bench.celery_side import install
from tests.bench.processor import used_s

BUSY = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\nsys.stdin.read()"


def test_processor_time_of_children_counts_while_they_run_and_after_they_ended() -> None:
    this = psutil.Process()
    before, alone = used_s(this), used_s(this, children=False)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert used_s(this) - before >= 0.25
        child.communicate("")
    assert used_s(this) - before >= 0.25
    assert used_s(this, children=False) - alone < 0.25


def test_without_redis_a_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "apt-get install redis-server" in install()
