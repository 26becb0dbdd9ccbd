"""A bus that forgot its durables, as one whose disk was full may have: they are laid out again, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def test_durables_that_the_bus_lost_are_laid_out_again(tmp_path: Path, circuits: Path) -> None:
    bell = str(circuits / "bell.qasm")
    with EmbeddedStack(tmp_path / "home") as stack:
        stack.submit(bell)
        _restart_without_durables(stack)
        after = stack.submit(bell, timeout=90)
        assert {it["state"] for it in after} == {"completed"}
        assert all(it["holds"] for it in stack.ask("verify", "--wait", "60"))
        stack.until(ready=True)


def _restart_without_durables(stack: EmbeddedStack) -> None:
    supervisor = json.loads((stack.home / "stack.json").read_text())["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGSTOP)  # until the folders are gone
    assert stack.kill("nats-server")
    durables = [*(stack.home / "nats").rglob("LOG/obs/*")]
    assert len(durables) > 5
    for folder in durables:
        shutil.rmtree(folder)
    os.kill(supervisor, signal.SIGCONT)
