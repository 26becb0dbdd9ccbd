"""Sessions, lists of jobs and exports of charges as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queuebit.errors import Unreachable
from queuebit_cli.commands import jobs, queries, sessions
from queuebit_cli.main import main
from queuebit_cli.render_tables import end_time, moment
from queuebit_stack.errors import Exit

OPEN: dict[str, Any] = {
    "session": "s1", "label": "h2", "user": "ann", "project": "main", "backend": "aer", "state": "open",
    "reason": None, "cap": "2.50", "charged": "0.10", "held": "0.00", "left": "2.40", "currency": "USD",
    "idle_price": None, "idle_cost": None, "idle_s": 3, "jobs": 1, "active": 0,
    "expires_at": "2026-01-02T03:04:05.000000Z", "closed_at": None,
}  # fmt: skip
CLOSED = {**OPEN, "state": "closed", "reason": "idle", "left": None, "closed_at": "2026-01-01T01:02:03.000000Z"}


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the broker and the warehouse answer next."""
    given: list[Any] = []
    for module in (sessions, jobs):
        monkeypatch.setattr(module, "ask", lambda *_: given.pop())
    return given


def test_an_end_on_another_day_has_its_time() -> None:
    now = datetime.now(UTC)
    assert end_time(now.isoformat()) == moment(now.isoformat())
    later = now + timedelta(days=2)
    assert end_time(later.isoformat()) == f"{later.astimezone():%d %b %H:%M}"


def test_a_session_says_its_cap_and_its_end(answer: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    answer.append([OPEN, CLOSED])
    assert main(["session", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert [it in head.split() for it in ("cap", "held", "left")] == [True] * 3
    assert [row[head.index("state") :].split("  ")[0] for row in rows] == ["open", "closed (idle)"]
    for row, state in ((OPEN, "open until"), (CLOSED, "closed (idle) at")):
        answer.append([row])
        assert main(["session", "show", "s1"]) == 0
        shown = capsys.readouterr().out
        assert f"state    {state} {end_time(row['closed_at'] or row['expires_at'])}\n" in shown
        assert "cap      2.50 USD\n" in shown


@pytest.mark.parametrize(
    ("words", "text"), [([], "qb submit FILE.qasm"), (["--tag", "none"], "no job is of that name")]
)
def test_an_empty_list_of_jobs_says_why(
    answer: list[Any], words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer.append(([], None))
    assert main(["jobs", *words]) == 0
    assert text in capsys.readouterr().out


def test_an_export_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_: object) -> None:
        raise Unreachable("the warehouse does not answer")

    monkeypatch.setattr(queries, "ask", away)
    assert main(["charges", "--export", "csv", str(tmp_path / "none" / "x.csv")]) == Exit.USAGE
    assert "choose another --export" in capsys.readouterr().err
    assert main(["charges", "--export", "csv", str(tmp_path / "x.csv")]) == Exit.UNREACHABLE
    assert [*tmp_path.iterdir()] == []


def test_a_period_without_an_export_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["charges", "--from", "2026-11-01"])
    assert "give --by FIELDS or --export FORM FILE too" in capsys.readouterr().err
