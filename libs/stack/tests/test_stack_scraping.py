"""What Prometheus reads of a stack: where each process shows its metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_stack.home import Home
from queuebit_stack.stack import Running, Stack

PORTS = {"nats-server": 1, "warehouse": 2, "broker": 3, "http": 4, "gateway": 5, "executor-ibm": 6}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_running_processes_are_targets_at_their_health_ports(home: Home) -> None:
    running = dict.fromkeys(("nats-server", "warehouse", "broker", "gateway"), Running())
    Stack("up", PORTS, {}, processes=running).save(home)
    found = json.loads(home.scrape_file.read_text())
    assert {it["labels"]["process"]: it["targets"] for it in found} == {
        "warehouse": ["127.0.0.1:2"], "broker": ["127.0.0.1:3"], "gateway": ["127.0.0.1:5"],
    }  # fmt: skip


def test_the_file_is_written_when_it_changes_only(home: Home) -> None:
    stack = Stack("up", PORTS, {}, processes={"broker": Running()})
    stack.save(home)
    before = home.scrape_file.stat().st_ino
    stack.save(home)
    assert home.scrape_file.stat().st_ino == before
    Stack("down", PORTS, {}).save(home)
    assert json.loads(home.scrape_file.read_text()) == []
