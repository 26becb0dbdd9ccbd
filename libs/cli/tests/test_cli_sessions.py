"""Sessions and lists of jobs as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit_cli.commands import jobs, sessions
from queuebit_cli.main import main
from queuebit_cli.render_tables import end_time, moment

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
