"""`qb gameday`, with days that need no stack."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_gameday import playing
from queuebit_gameday.catalog import DAYS, Day
from queuebit_gameday.score import Check, Score
from queuebit_kernel import FixedClock


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def played(monkeypatch: pytest.MonkeyPatch, *passed: bool, ended: bool = False) -> list[Path]:
    """Replace the play of a day by checks; return the folders that were used."""
    folders: list[Path] = []

    def play(day: Day, folder: Path, report: Callable[[Check], None]) -> Score:
        folders.append(folder)
        score = Score(FixedClock(), lambda _: None, report)
        score.injected()
        if ended:
            os.kill(os.getpid(), signal.SIGTERM)
        for it in passed:
            score.check("detection", "an alert fires", it)
        return score

    monkeypatch.setattr(playing, "play", play)
    return folders


def test_the_days_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gameday", "--json"]) == 0
    assert [it["name"] for it in json.loads(capsys.readouterr().out)] == [*DAYS]
    assert main(["gameday", "list"]) == 0
    assert "silent-degradation" in capsys.readouterr().out


def test_a_day_that_passed_is_0_and_its_folder_is_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders) = played(monkeypatch, True)
    assert main(["gameday", "data-leak-attempt", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["passed"], document["detected_s"]) == (True, 0.0)
    assert document["checks"][0]["what"] == "an alert fires"
    assert not folders[0].exists()


def test_a_check_that_did_not_pass_is_1_and_a_folder_can_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = played(monkeypatch, True, False)
    assert main(["gameday", "data-leak-attempt", "--keep"]) == 1
    assert "1 of 2 checks passed" in capsys.readouterr().out
    folders[0].rmdir()


def test_a_time_limit_ends_a_day_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = played(monkeypatch, True, ended=True)
    assert main(["gameday", "calibration-drift"]) == 130
    output = capsys.readouterr()
    assert "takes up to 15 minutes" in output.out
    assert f"the scratch stack is stopped, its home is {folders[0]}" in output.err
    folders[0].rmdir()


def test_an_unknown_day_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gameday", "flood"]) == 2
    assert "silent-degradation" in capsys.readouterr().err
