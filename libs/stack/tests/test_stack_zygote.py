"""Services start as copies of a process that has their modules: each is a process of its own all the same."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from queuebit_stack.process import Identity
from queuebit_stack.zygote import Forked, Zygote

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="services are copied on Linux only"),
]

SPEAKS = """
import os, sys
print(sys.argv, os.environ.get("WORD"), os.environ.get("HOME"), os.getsid(0) == os.getpid(), sys.stdin.read())
print(os.read(int(os.environ["PIPE"]), 5).decode())
print("queuebit_runtime.service" in sys.modules, __name__, file=sys.stderr)
print(len(os.listdir("/proc/self/task")), "task of", len(os.listdir(f"/proc/{os.getppid()}/task")), file=sys.stderr)
sys.exit(3)
"""
WAITS = "import time; print('waits', flush=True); time.sleep(60)"
FAILS = "raise ValueError('a broken service')"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("speaks", SPEAKS), ("waits", WAITS), ("fails", FAILS)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def zygote(modules: Path) -> Iterator[Zygote]:
    del modules
    it = Zygote()
    yield it
    it.close()


def until(holds: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.01)


def code(process: Forked) -> int:
    until(lambda: process.poll() is not None, "it does not end")
    found = process.poll()
    assert found is not None
    return found


def test_a_copy_has_its_own_environment_descriptors_log_and_exit_code(zygote: Zygote, tmp_path: Path) -> None:
    log = tmp_path / "speaks.log"
    reading, writing = os.pipe()
    os.write(writing, b"hello")
    process = zygote.start("speaks", {"WORD": "a word"}, log, {"PIPE": reading})
    assert code(process) == 3
    said = log.read_text()
    assert "['" in said
    assert "a word None True" in said, "no variable but those that it was given; the leader of a session; no input"
    assert "hello" in said
    assert "True __main__" in said, "the modules are there already, and it runs as a program"
    assert "1 task of 1" in said, "what is forked beside a thread may hold its locks for ever"
    assert log.stat().st_mode & 0o777 == 0o600


def test_an_error_is_printed_and_a_signal_is_the_exit_code(zygote: Zygote, tmp_path: Path) -> None:
    assert code(zygote.start("fails", {}, tmp_path / "fails.log", {})) == 1
    assert "ValueError: a broken service" in (tmp_path / "fails.log").read_text()
    assert code(zygote.start("missing", {}, tmp_path / "missing.log", {})) == 1
    waits = zygote.start("waits", {}, tmp_path / "waits.log", {})
    os.kill(waits.pid, signal.SIGKILL)
    assert code(waits) == -signal.SIGKILL
    with pytest.raises(OSError, match="No such file"):
        zygote.start("waits", {}, tmp_path / "nowhere" / "waits.log", {})


def test_a_table_of_processes_names_the_program(zygote: Zygote, tmp_path: Path) -> None:
    waits = zygote.start("waits", {}, tmp_path / "waits.log", {})
    until((tmp_path / "waits.log").read_text, "it does not run")
    assert psutil.Process(waits.pid).cmdline()[0] == f"{sys.executable} -m waits"


def test_a_copy_that_starts_too_late_is_ended(zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its service was started in another way meanwhile; before, its answer was taken for that of the next start."""
    monkeypatch.setattr("queuebit_stack.zygote._START_S", 0.001)
    with pytest.raises(TimeoutError):
        zygote.start("fails", {}, tmp_path / "late.log", {})
    monkeypatch.setattr("queuebit_stack.zygote._START_S", 60.0)
    waits = zygote.start("waits", {}, tmp_path / "waits.log", {})
    until((tmp_path / "waits.log").read_text, "it does not run")
    started_by = psutil.Process(waits.pid).parent()
    assert started_by is not None
    until(lambda: [it.pid for it in started_by.children()] == [waits.pid], "the late copy runs")
    assert waits.poll() is None


def test_copies_end_with_the_zygote_and_the_next_start_says_so(modules: Path, tmp_path: Path) -> None:
    del modules
    zygote = Zygote()
    waits = zygote.start("waits", {}, tmp_path / "waits.log", {})
    identity = Identity.of(waits.pid)
    until((tmp_path / "waits.log").read_text, "it does not run")
    os.kill(psutil.Process(waits.pid).ppid(), signal.SIGKILL)
    assert code(waits) == -signal.SIGTERM
    assert identity is not None
    assert not identity.alive
    with pytest.raises(OSError, match=r"."):
        zygote.start("waits", {}, tmp_path / "waits.log", {})
    zygote.close()
