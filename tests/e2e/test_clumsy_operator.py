"""Mistakes of an operator on a running stack."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack


def test_a_broken_tenants_file_is_reported_and_changes_nothing(
    stack: EmbeddedStack, tenant: str, circuits: Path
) -> None:
    file = stack.home / "tenants.toml"
    good = file.read_text()
    file.write_text(good[: len(good) // 2] + '\n["')
    try:
        status = stack.ask("status")
        assert status["ready"]
        assert sum(str(file) in trouble for trouble in status["troubles"]) == 1
        check = next(it for it in stack.ask("doctor", accept=(1,))["checks"] if it["check"] == "tenants, prices")
        assert f"cp {stack.home}/tenants.good.toml {file}" in check["do"]
        assert str(file) in stack.run("tenant", "add", "late").stderr
        (output,) = stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)
        assert output["state"] == "completed"
    finally:
        file.write_text(good)


def test_tenants_added_at_the_same_instant_can_all_submit(stack: EmbeddedStack, circuits: Path) -> None:
    names = [f"hasty{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: stack.qb("tenant", "add", name, "--budget", "1"), names))
        output = list(pool.map(lambda name: stack.submit(str(circuits / "bell.qasm"), "--tenant", name), names))
    assert [it["state"] for (it,) in output] == ["completed"] * len(names)


@pytest.mark.parametrize("damage", [b'{"state": "up", "po', b"[]", b"\xff", None])
def test_a_damaged_stack_file_is_written_again(stack: EmbeddedStack, damage: bytes | None) -> None:
    file = stack.home / "stack.json"
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    assert stack.ask("status")["ready"]
    assert json.loads(file.read_text())["state"] == "up"


def test_status_tells_how_far_behind_a_halted_service_is(second: EmbeddedStack, circuits: Path) -> None:
    telemetry = second.pid("telemetry")
    assert telemetry is not None
    _until(lambda: -_behind(second), more_than=-1)
    os.kill(telemetry, signal.SIGSTOP)
    try:
        output = [_behind(second)]
        for _ in range(2):
            second.qb("submit", str(circuits / "bell.qasm"))
            output.append(_until(lambda: _behind(second), more_than=output[-1]))
        assert "kill -CONT" in second.run("status").stdout
    finally:
        os.kill(telemetry, signal.SIGCONT)
    second.until(ready=True)
    _until(lambda: -_behind(second), more_than=-1)


def _behind(stack: EmbeddedStack) -> int:
    rows = stack.ask("status", accept=(0, 4))["services"]
    return int(next(row["behind"] for row in rows if row["service"] == "telemetry"))


def _until(ask: Callable[[], int], more_than: int) -> int:
    deadline = time.monotonic() + 60
    while (output := ask()) <= more_than:
        assert time.monotonic() < deadline, output
    return output


def test_ctrl_c_is_how_following_ends(stack: EmbeddedStack, circuits: Path) -> None:
    following = subprocess.Popen(
        stack.argv("events", "follow", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    while not select.select([following.stdout], [], [], 0.5)[0]:  # until it listens
        stack.qb("submit", str(circuits / "bell.qasm"))
    following.send_signal(signal.SIGINT)
    _, complaints = following.communicate(timeout=60)
    assert (following.returncode, complaints) == (0, "")


def test_a_second_start_at_the_same_instant_finds_the_first(second: EmbeddedStack) -> None:
    address = second.listens("nats-server")
    second.qb("down")
    with ThreadPoolExecutor(2) as pool:
        output = list(pool.map(lambda _: second.ask("up", "--detach"), range(2)))
    assert sorted(it["already"] for it in output) == [False, True]
    assert all(row["ready"] for it in output for row in it["services"])
    assert second.listens("nats-server") == address, "a home keeps its ports"
    assert f'url = "{address}"' in (second.home / "credentials" / "demo-me.toml").read_text()
