"""Tenants are facts: a file puts them in force, all services use them at once, and they record who changed what."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from queuebit import Client, Refused
from queuebit.credentials import find
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def export(stack: EmbeddedStack) -> dict[str, Any]:
    return tomllib.loads(stack.qb("tenant", "export"))


def test_a_tenant_from_its_first_day_to_its_reserved_name(stack: EmbeddedStack, circuits: Path, tmp_path: Path) -> None:
    stack.qb("tenant", "add", "novel", "--budget", "5")
    (done,) = stack.submit(str(circuits / "bell.qasm"), "--tenant", "novel")
    assert done["state"] == "completed"

    file = tmp_path / "tenants.toml"
    stack.qb("tenant", "export", "--output", str(file))
    assert stack.ask("tenant", "apply", str(file), "--by", "ci")["changes"] == []
    wanted = re.sub(r'(?<=\[tenant\.novel\.project\.main\]\nbudget = )"5"', '"7"', file.read_text())
    file.write_text(wanted)
    assert '-budget = "5"' in stack.ask("tenant", "apply", str(file), "--dry-run")["diff"]
    assert export(stack)["tenant"]["novel"]["project"]["main"]["budget"] == "5"
    assert stack.ask("tenant", "apply", str(file), "--by", "ci")["changes"] == ["qb.tenant.novel.project_defined.main"]

    credential = find(stack.home, "novel")
    (key,) = export(stack)["tenant"]["novel"]["user"]["me"]["keys"]
    stack.qb("tenant", "token", "revoke", "novel", "me", key)
    with Client(credential) as revoked, pytest.raises(Refused):
        revoked.backends()
    assert export(stack)["tenant"]["novel"]["user"]["me"]["keys"] == []

    stack.qb("tenant", "remove", "novel")
    home_file = stack.home / "tenants.toml"
    before = home_file.read_text()
    home_file.write_text(before.replace('"novel"', "") + "\n[tenant.novel]\n")
    refused = stack.run("tenant", "apply")
    assert (refused.returncode, "a tenant of that name was removed" in refused.stderr) == (2, True)
    home_file.write_text(before)
    assert stack.ask("tenant", "apply")["changes"] == []

    rows = [(row["by"], row["what"]) for row in stack.ask("tenant", "history", "novel")]
    assert [what for _, what in rows] == [
        "tenant defined",
        "user me defined",
        "project main defined",
        "project main defined",
        "user me defined",
        "tenant removed",
    ]
    assert rows[3][0] == "ci"
    assert rows[0][0] not in ("ci", "")


def test_a_key_is_revoked_while_the_broker_starts_again(second: EmbeddedStack) -> None:
    second.qb("tenant", "add", "phoenix", "--budget", "1")
    (key,) = export(second)["tenant"]["phoenix"]["user"]["me"]["keys"]
    assert second.kill("broker")
    second.qb("tenant", "token", "revoke", "phoenix", "me", key)
    assert export(second)["tenant"]["phoenix"]["user"]["me"]["keys"] == []
    with Client(find(second.home, "phoenix")) as revoked, pytest.raises(Refused):
        revoked.backends()
    second.until(ready=True)


def test_what_was_changed_from_elsewhere_is_not_undone_by_an_edit_here(second: EmbeddedStack, tmp_path: Path) -> None:
    there = ("--url", second.listens("nats-server"), "--seed-file", str(second.home / "secrets" / "operator.seed"))
    file, pipeline = tmp_path / "tenants.toml", tmp_path / "pipeline.toml"
    second.qb("tenant", "export", *there, "--output", str(file))
    pipeline.write_text(file.read_text() + "\n[tenant.remote]\nshare = 3\n")
    assert second.ask("tenant", "apply", str(pipeline), *there, "--by", "ci")["changes"] == ["qb.tenant.remote.defined"]
    refused = second.run("tenant", "fund", "demo", "playground", "+1")
    assert (refused.returncode, "changed from elsewhere" in refused.stderr) == (3, True)
    assert second.ask("tenant", "show", "remote")["share"] == 3
    forgotten = second.run("tenant", "apply")
    assert (forgotten.returncode, "tenant remote is in force" in forgotten.stderr) == (2, True)
    assert second.ask("tenant", "apply", str(pipeline))["changes"] == []
    second.qb("tenant", "fund", "demo", "playground", "+1")


def test_a_file_that_was_edited_while_the_stack_was_down_is_in_force_when_it_is_up(
    second: EmbeddedStack, circuits: Path
) -> None:
    second.qb("tenant", "add", "sleeper", "--budget", "1")
    old = find(second.home, "sleeper")
    (key,) = export(second)["tenant"]["sleeper"]["user"]["me"]["keys"]
    second.qb("down")
    try:
        second.qb("tenant", "token", "new", "sleeper", "me")
        second.qb("tenant", "token", "revoke", "sleeper", "me", key)
    finally:
        second.qb("up", "--detach")
    (done,) = second.submit(str(circuits / "bell.qasm"), "--tenant", "sleeper")
    assert done["state"] == "completed"
    with Client(old) as revoked, pytest.raises(Refused):
        revoked.backends()
