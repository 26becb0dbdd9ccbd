"""The line that says that something goes on: on a terminal, after a moment, and gone at the end."""

from __future__ import annotations

import io
import time

import pytest

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress, run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _until_drawn(terminal: Terminal, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in terminal.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_lasts_is_shown_and_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("queuebit_cli.progress._SILENT_S", 0.01)
    with Progress(quiet=False, text="asking\nall") as progress:
        _until_drawn(terminal, "asking all")
        progress.update("3 of 4")
        _until_drawn(terminal, "3 of 4")
        progress.note("still there")
        progress.update("4 of 4")
        _until_drawn(terminal, "4 of 4")
    assert "\r\033[2Kstill there\n" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[2K")


def test_what_is_done_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    async def work() -> int:
        return 7

    assert run(work(), Output(as_json=False), "asking") == 7
    assert terminal.getvalue() == ""


def test_what_is_known_to_last_is_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("queuebit_cli.progress._SILENT_S", 3600)
    with Progress(quiet=False, text="starting", after_s=0):
        _until_drawn(terminal, "starting")


@pytest.mark.parametrize(("quiet", "stream"), [(True, Terminal), (False, io.StringIO)])
def test_programs_and_pipes_see_nothing(
    quiet: bool, stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_cli.progress._SILENT_S", 0.0)
    written = stream()
    monkeypatch.setattr("sys.stderr", written)
    with Progress(quiet=quiet, text="asking"):
        time.sleep(0.05)
    assert written.getvalue() == ""
