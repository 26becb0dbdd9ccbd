"""An executor that hangs, on a real stack: its backends are pages of one group, and one incident, until it answers."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from urllib.request import urlopen

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

EXECUTOR = "executor-cirq"


def until(condition: Callable[[], bool], seconds: float, text: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, text
        time.sleep(0.5)


def down(stack: EmbeddedStack) -> dict[str, str]:
    """The severity of the alert of each backend that is down."""
    labels = [it["labels"] for it in stack.ask("alerts", "list")]
    return {it["backend"]: it["severity"] for it in labels if it["alertname"] == "BackendDown"}


def opened(stack: EmbeddedStack) -> list[object]:
    """The open incidents of the executor."""
    labels = {"executor": "cirq"}
    return [it for it in stack.ask("incident", "list") if it["state"] == "open" and it["labels"] == labels]


def test_an_executor_that_hangs_is_one_incident_of_all_its_backends(stack: EmbeddedStack) -> None:
    stack.until(ready=True)
    known = len(stack.ask("backends"))

    def watched() -> bool:
        health = json.loads(urlopen(f"{stack.listens('alerting')}/healthz").read())
        return int(health["detail"]["backends"]) == known

    until(watched, 60, "alerting has seen an answer of each backend")
    pid = stack.pid(EXECUTOR)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: bool(down(stack)), 90, "no alert says that a backend is down")
        backends = down(stack)
        until(lambda: bool(opened(stack)), 60, "no incident says which executor is down")
        incidents = opened(stack)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert set(backends.values()) == {"page"}
    assert all("cirq" in it for it in backends), "those of other executors answer"
    assert len(incidents) == 1
    stack.until(ready=True)
