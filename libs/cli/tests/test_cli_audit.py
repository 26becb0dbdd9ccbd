"""`qb audit`, over a short log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import queuebit_audit
from queuebit_audit_trail import ABOUT
from queuebit_cli.main import main
from queuebit_proof import KeyRing
from queuebit_stack.home import Home

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
                waiting = take(SimpleNamespace(body=body, subject="", sequence=sequence, stored_at=at))
                if isawaitable(waiting):
                    await waiting
        return len(LOG)

    async def last(_: object) -> int:
        return len(LOG)

    target = SimpleNamespace(trust=SimpleNamespace(origin="queuebit.example/log"))
    monkeypatch.setattr(queuebit_audit, "read_events", read)
    monkeypatch.setattr(queuebit_audit, "last_sequence", last)
    monkeypatch.setattr(queuebit_audit, "target_of", lambda home: target)
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
        (("--until", "2026-11-30T15:00:00Z"), [1, 2]),
        (("--limit", "1"), [4]),
    ],
)
def test_rows_are_selected(arguments: Sequence[str], sequences: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert [it["sequence"] for it in rows(capsys, *arguments)] == sequences


def test_people_see_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--action", "user"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["sequence", "stored_at", "tenant", "actor", "action", "object", "outcome", "detail"]
    assert row.split()[:8] == ["2", "2026-11-30T14:00:00", "acme", "ada", "user.define", "user", "ann", "done"]


def test_people_see_the_beginning_of_a_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(globals(), "LOG", ("qb.job.submitted.v1",))
    assert main(["audit", "--action", "job.submit"]) == 0
    *_, row = capsys.readouterr().out.splitlines()
    assert re.search(r" key U[A-Z2-7]{7}… ", row)


def test_the_help_has_all_words_for_what_an_action_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    shown = capsys.readouterr().out
    assert all(it in shown for it in ABOUT)


def test_a_wildcard_is_no_tenant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--tenant", "*"]) == 2
    assert "is not a plain name" in capsys.readouterr().err


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a stack with keys, as far as a bundle needs it."""
    folder = tmp_path / "home"
    ring = KeyRing.open(folder / "provenance" / "keys", "queuebit.example/log", BEGIN - timedelta(days=1))
    place = Home(folder)
    place.stack_file.write_text("")
    place.trust_file.write_bytes(ring.trust.to_bytes())
    return folder


def test_a_bundle_is_written_and_verifies(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "audit.jsonl"
    assert main(["audit", "export", str(file), "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(file), "records": 4, "receipts": 0, "through": 4}
    assert file.stat().st_mode & 0o077 == 0
    assert main(["audit", "verify", str(file), "--home", str(home), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], found["records"], found["tenant"]) == (True, 4, None)


def test_a_changed_bundle_does_not_verify(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "audit.jsonl"
    assert main(["audit", "export", str(file), "--home", str(home), "--tenant", "acme"]) == 0
    file.write_bytes(file.read_bytes().replace(b'"actor":"ada"', b'"actor":"eve"'))
    capsys.readouterr()
    assert main(["audit", "verify", str(file), "--home", str(home), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(it["fault"], it["line"]) for it in found["faults"]] == [("altered", 1), ("altered", 2)]


def test_a_bundle_needs_the_keys(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "provenance" / "keys" / "keys.json").unlink()
    assert main(["audit", "export", str(tmp_path / "audit.jsonl"), "--home", str(home)]) == 3
    assert "the bundle cannot be signed" in capsys.readouterr().err


def forward(home: Path, *arguments: str) -> int:
    return main(["audit", "forward", "--once", "--json", "--home", str(home), *arguments])


def test_records_are_delivered_once_and_the_cursor_says_how_far(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "siem.jsonl"
    assert [forward(home, "--to", f"jsonl:{file}") for _ in range(2)] == [0, 0]
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["delivered"], second["delivered"]) == (4, 0)
    assert [json.loads(it)["sequence"] for it in file.read_text().splitlines()] == [1, 2, 3, 4]
    assert json.loads((home / "audit-jsonl.cursor").read_text())["sequence"] == 4


def test_a_cursor_beyond_the_end_is_of_another_log(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = f"jsonl:{tmp_path / 'siem.jsonl'}"
    place = {"log": "queuebit.example/log", "receiver": to, "sequence": 9}
    (home / "audit-jsonl.cursor").write_text(json.dumps(place))
    assert forward(home, "--to", to) == 3
    assert "it is of another log" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["jsonl:", "syslog:host", "syslog:host:0", "syslog::514", "kafka:x", ""])
def test_a_receiver_has_one_of_three_forms(to: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forward(home, "--to", to) == 2
    assert "--to is jsonl:FILE, syslog:HOST:PORT or hec:URL" in capsys.readouterr().err


def test_a_token_is_sent_to_no_other_machine_in_plain_text(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    assert forward(home, "--to", "hec:http://siem.example:8088", "--token-file", str(token)) == 2
    assert "must begin with https://" in capsys.readouterr().err


def test_a_token_that_others_can_read_is_not_used(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    token.chmod(0o644)
    assert forward(home, "--to", "hec:https://siem.example:8088", "--token-file", str(token)) == 2
    assert "can be read by others" in (text := capsys.readouterr().err) or "cannot be read" in text
