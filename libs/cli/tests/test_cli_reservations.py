"""Reservations and windows as people write and read them."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit_cli.commands import reservations, windows
from queuebit_cli.instants import instant, period
from queuebit_cli.main import main
from queuebit_contracts.calendar import WindowsAnswer, WindowsRequest
from queuebit_stack.errors import Exit

NOW = datetime(2026, 3, 29, 0, 30, 0, 400, tzinfo=UTC)
ROW: dict[str, Any] = {
    "reservation": "r1", "label": "vqe", "user": "ann", "users": ["ann", "bob"], "project": "main", "backend": "aer",
    "state": "booked", "reason": None, "starts_at": "2026-01-02T03:00:00.000000Z",
    "ends_at": "2026-01-02T04:00:00.000000Z", "unit_price": "0.01", "hold": "36.00", "currency": "USD",
    "used_s": None, "idle_s": None, "unavailable_s": None,
}  # fmt: skip
ENDED = {**ROW, "state": "ended", "reason": "over", "used_s": 1800, "idle_s": 1500, "unavailable_s": 300}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+2h", "2026-03-29T02:30:01+00:00"),
        ("+90s", "2026-03-29T00:31:31+00:00"),
        ("+1d", "2026-03-30T00:30:01+00:00"),
        ("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00+00:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("2026-11-30T14:00Z", "2026-11-30T14:00:00+00:00"),
    ],
)
def test_a_moment_has_a_zone_or_is_relative(text: str, expected: str) -> None:
    assert instant(text)(NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-10-25T02:30:00", "2026-11-30", "tomorrow", "2h", "+0h", "+2y", "-1h", ""),
        *("0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"),
    ],
)
def test_other_moments_are_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"zone|not a moment"):
        instant(text)


def test_a_length_has_a_unit() -> None:
    assert [period(it) for it in ("90s", "30m", "2h", "1d")] == [
        timedelta(seconds=90), timedelta(minutes=30), timedelta(hours=2), timedelta(days=1)
    ]  # fmt: skip
    for text in ("0s", "90", "1w", "1.5h"):
        with pytest.raises(ArgumentTypeError, match="length of time"):
            period(text)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the broker answers next."""
    given: list[Any] = []
    for module in (reservations, windows):
        monkeypatch.setattr(module, "ask", lambda *_: given.pop())
    return given


def test_a_booking_says_its_hold_and_its_holder(answer: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    answer.append(ROW)
    assert main(["reserve", "book", "aer", "--from", "+1h", "--for", "1h"]) == 0
    assert capsys.readouterr().out == "r1\n"
    answer.append(ROW)
    assert main(["reserve", "book", "aer", "--from", "+1h", "--for", "1h", "--dry-run"]) == 0
    assert "holds 36.00 USD; jobs of project main by ann, bob use it" in capsys.readouterr().out
    answer.append({**ROW, "hold": None, "users": None})
    assert main(["reserve", "book", "aer", "--from", "+1h", "--until", "+2h", "--dry-run"]) == 0
    assert "aer would be reserved" in (out := capsys.readouterr().out)
    assert "it is free; jobs of project main use it" in out


def test_a_reservation_says_what_became_of_its_time(answer: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    answer.append([ROW, ENDED])
    assert main(["reserve", "list"]) == 0
    assert "ended (over)" in capsys.readouterr().out
    answer.append([ENDED])
    assert main(["reserve", "show", "r1"]) == 0
    shown = capsys.readouterr().out
    assert "used        1800 s, and 1500 s without a job\n" in shown
    assert "not charged 300 s in which the backend could not be used\n" in shown


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("cancelled", "is cancelled, and nothing is charged"),
        ("started", "ends now: what is left"),
        ("ended", "has ended before (over)"),
    ],
)
def test_cancelling_says_what_it_did(
    answer: list[Any], capsys: pytest.CaptureFixture[str], state: str, text: str
) -> None:
    answer.append({**ENDED, "state": state})
    assert main(["reserve", "cancel", "r1"]) == 0
    assert text in capsys.readouterr().out


def test_a_slot_needs_an_end_or_a_length(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--from", "+1h"], ["--for", "1h"], ["--from", "+1h", "--for", "1h", "--until", "+2h"]):
        with pytest.raises(SystemExit) as stopped:
            main(["reserve", "book", "aer", *words])
        assert stopped.value.code == Exit.USAGE
    assert "--until" in capsys.readouterr().err


def test_windows_are_planned_at_a_distance(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[WindowsRequest] = []

    def answer_to(args: object, out: object, request: WindowsRequest) -> WindowsAnswer:
        asked.append(request)
        return WindowsAnswer(displaced=("r9",))

    monkeypatch.setattr(windows, "_asked", answer_to)
    words = ["--from", "2026-12-01T06:00Z", "--for", "2h", "--every", "1d", "--times", "2", "--kind", "calibration"]
    assert main(["backend", "window", "add", "aer", *words, "--displace"]) == 0
    (request,) = asked
    assert [(it.window, it.starts_at.day, it.kind) for it in request.planned] == [
        ("calibration-20261201t060000z", 1, "calibration"),
        ("calibration-20261202t060000z", 2, "calibration"),
    ]
    assert all(it.ends_at - it.starts_at == timedelta(hours=2) for it in request.planned)
    assert request.displace
    assert "reservation r9 is displaced" in capsys.readouterr().out
    assert main(["backend", "window", "remove", "aer", "calibration-20261201t060000z"]) == 0
    assert asked[-1].cancelled == "calibration-20261201t060000z"
    with pytest.raises(SystemExit):
        main(["backend", "window", "add", "aer", "--from", "+1h", "--for", "1h", "--times", "2"])


def test_the_rule_of_a_window_is_in_the_table(answer: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    times = {"starts_at": ROW["starts_at"], "ends_at": ROW["ends_at"]}
    row = {"backend": "aer", "kind": "calibration", "now": False, **times}
    answer.append([
        {**row, "window": "rule-1", "by": "fleet", "rule": "every 24 h for 20 min"},
        {**row, "window": "w1", "by": "operator", "rule": None},
    ])  # fmt: skip
    assert main(["backend", "window", "list"]) == 0
    out = capsys.readouterr().out
    assert "PLANNED BY" in out.upper()
    assert "every 24 h for 20 min" in out


def test_when_backends_are_taken_is_a_table(answer: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    row = {"backend": "aer", "kind": "reservation", "window": None, "now": False}
    answer.append([{**row, "starts_at": ROW["starts_at"], "ends_at": ROW["ends_at"]}])
    assert main(["backend", "window", "list"]) == 0
    assert "reservation" in capsys.readouterr().out
