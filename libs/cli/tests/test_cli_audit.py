"""`qb audit`, over a short log."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import queuebit_audit
from queuebit_cli.main import main

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
BEGIN = datetime(2026, 11, 30, 12, tzinfo=UTC)
LOG = ("qb.config.applied.v1", "qb.tenant.user_defined.v1", "qb.account.funded.v1", "qb.job.rejected.v1")


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """A stack whose log has one example of each type; returns the subjects that were read."""
    asked: list[Sequence[str]] = []

    async def read(_: object, subjects: Sequence[str], take: Callable[[object], object], *, after: int = 0) -> int:
        asked.append(subjects)
        for sequence, type_ in enumerate(LOG, 1):
            body = sorted((EXAMPLES / type_).glob("*.json"))[0].read_bytes()
            if sequence > after:
                at = BEGIN + timedelta(hours=sequence)
                take(SimpleNamespace(body=body, subject="", sequence=sequence, stored_at=at))
        return len(LOG)

    monkeypatch.setattr(queuebit_audit, "read_events", read)
    monkeypatch.setattr(queuebit_audit, "target_of", lambda home: home)
    return asked


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["audit", "--json", *arguments]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_each_action_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys)
    assert [(it["sequence"], it["action"], it["actor"]) for it in found] == [
        (1, "configuration.apply", "ada"),
        (2, "user.define", "ada"),
        (3, "account.fund", "broker"),
        (4, "job.admit", found[3]["actor"]),
    ]
    assert found[3]["outcome"] == "refused"


def test_of_a_tenant_only_its_own_rows_are_read_and_shown(
    stack: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert {it["tenant"] for it in rows(capsys, "--tenant", "acme")} == {"acme"}
    assert all(".acme." in it for it in stack[0])
    assert rows(capsys, "--tenant", "evil") == []


@pytest.mark.parametrize(
    ("arguments", "sequences"),
    [
        (("--action", "money"), [3]),
        (("--action", "user.define"), [2]),
        (("--actor", "ada"), [1, 2]),
        (("--since", "2026-11-30T15:00:00Z"), [3, 4]),
        (("--limit", "1"), [4]),
    ],
)
def test_rows_are_selected(arguments: Sequence[str], sequences: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert [it["sequence"] for it in rows(capsys, *arguments)] == sequences


def test_people_see_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--action", "user"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["sequence", "stored_at", "tenant", "actor", "action", "object", "outcome"]
    assert row.split() == ["2", "2026-11-30T14:00:00", "acme", "ada", "user.define", "user", "ann", "done"]


def test_a_wildcard_is_no_tenant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--tenant", "*"]) == 2
    assert "is not a plain name" in capsys.readouterr().err
