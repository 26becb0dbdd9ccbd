"""`qb logs`: what the processes of a stack wrote, by time."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.home import Home
from queuebit_stack.log_files import LogFile
from queuebit_stack.process import shorten


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path / "home"))
    it = Home(tmp_path / "home")
    bootstrap(it)
    it.log_file("broker").write_text(
        "2026-01-02 10:00:00,500 INFO x: second\nTraceback (most recent call last):\n  in broker\n"
        "2026-01-02 10:00:02,000 INFO x: fourth\n"
    )
    it.log_file("nats-server").write_text(
        "[7] 2026/01/02 10:00:00.400000 [INF] first\n[7] 2026/01/02 10:00:01.0 third\n"
    )
    return it


def test_without_a_name_the_logs_of_all_services_are_reported_by_time(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["nats-server", *["broker"] * 3, "nats-server", "broker"]
    assert [line.split()[-1] for line in printed] == ["first", "second", "last):", "broker", "third", "fourth"]


def test_of_one_service_the_last_lines_are_reported_as_they_are(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "broker", "-n", "1"]) == 0
    assert capsys.readouterr().out == "2026-01-02 10:00:02,000 INFO x: fourth\n"
    assert main(["logs", "broker", "-n", "1", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["service"], printed["at"]) == ("broker", "2026-01-02 10:00:02.000000")


def test_a_service_that_has_no_log_is_reported_with_the_nearest(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "brokr"]) == 2
    assert "has no log of brokr: did you mean broker?" in capsys.readouterr().err


def test_a_log_cannot_steer_the_terminal(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.log_file("broker").write_text("a\033[8mb\n")
    main(["logs", "broker"])
    assert capsys.readouterr().out == "a\\x1b[8mb\n"


def test_what_is_written_while_one_follows_is_reported_in_whole_lines(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home.log_file("broker")
    looks: Iterator[Callable[[], object]] = iter(
        [
            lambda: path.open("a").write("half of "),
            lambda: path.open("a").write("a line\n"),
            lambda: os.replace(path, path.with_suffix(".log.1")),
            lambda: path.write_text("again\n"),
        ]
    )

    def pause(_: float) -> None:
        try:
            next(looks)()
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("queuebit_cli.commands.logs.time.sleep", pause)
    assert main(["logs", "broker", "-f", "-n", "0"]) == 0
    assert capsys.readouterr().out == "half of a line\nagain\n"


def test_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("".join(f"line {number}\n" for number in range(100_000)))
    last = LogFile("x", path).last(20_000)
    assert (len(last), last[0].text, last[-1].text) == (20_000, "line 80000", "line 99999")


def test_a_log_that_grew_large_is_put_aside_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_stack.process._LOG_BYTES", 10)
    path = tmp_path / "x.log"
    with path.open("a") as writing:
        writing.write("more than ten\n")
        writing.flush()
        assert shorten(path)
        writing.write("few\n")
    assert path.read_text() == "few\n"
    assert path.with_suffix(".log.1").read_text() == "more than ten\n"
    assert not shorten(path)
