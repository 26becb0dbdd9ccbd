"""What an operator does to a stack that runs, by mistake or in a hurry."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack


def test_a_broken_tenants_file_is_told_and_changes_nothing(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    file = stack.home / "tenants.toml"
    good = file.read_text()
    file.write_text(good[: len(good) // 2] + '"')
    try:
        status = stack.ask("status")
        assert status["ready"]
        assert [str(file) in trouble for trouble in status["troubles"]] == [True]
        check = next(it for it in stack.ask("doctor", accept=(1,))["checks"] if it["check"] == "tenants, prices")
        assert f"cp {stack.home}/tenants.good.toml {file}" in check["do"]
        assert str(file) in stack.run("tenant", "add", "late").stderr
        (told,) = stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)
        assert told["state"] == "completed"
    finally:
        file.write_text(good)


def test_tenants_added_at_the_same_instant_can_all_submit(stack: EmbeddedStack, circuits: Path) -> None:
    names = [f"hasty{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: stack.qb("tenant", "add", name, "--budget", "1"), names))
        told = list(pool.map(lambda name: stack.submit(str(circuits / "bell.qasm"), "--tenant", name), names))
    assert [it["state"] for (it,) in told] == ["completed"] * len(names)


@pytest.mark.parametrize("damage", [b'{"state": "up", "po', b"[]", b"\xff", None])
def test_a_damaged_stack_file_is_written_anew(stack: EmbeddedStack, damage: bytes | None) -> None:
    file = stack.home / "stack.json"
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    assert stack.ask("status")["ready"]
    assert json.loads(file.read_text())["state"] == "up"


def test_a_second_start_at_the_same_instant_finds_the_first(second: EmbeddedStack) -> None:
    second.qb("down")
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda _: second.ask("up", "--detach", "--ports", "auto"), range(2)))
    assert sorted(it["already"] for it in told) == [False, True]
    assert all(row["ready"] for it in told for row in it["services"])
