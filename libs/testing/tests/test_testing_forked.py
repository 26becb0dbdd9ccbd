"""Programs that run as copies of one process behave as those that `python -m` starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from queuebit_testing.forked import Copies

pytestmark = pytest.mark.server

PROGRAM = """
import json, os, sys
if sys.argv[1:] == ["wait"]:
    print("waits", flush=True)
    sys.stdin.close()
    __import__("signal").pause()
print(json.dumps([sys.argv, os.getcwd(), dict(os.environ), __name__, sys.stdin.read(), os.listdir("/proc/self/fd")]))
print("to people", file=sys.stderr)
__import__("atexit").register(print, "at the end")
sys.exit(int(sys.argv[1]) if sys.argv[1].isdigit() else "no number")
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "reporting.py").write_text(PROGRAM)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "LANG": "C.UTF-8", "GIVEN": "é"}


@pytest.fixture
def copies() -> Iterator[Copies]:
    copies = Copies("json")
    yield copies
    copies.close()


@pytest.mark.parametrize("words", [["0"], ["3", "é b"], ["text"]])
def test_a_copy_is_what_python_starts(
    copies: Copies, environment: dict[str, str], words: list[str], tmp_path: Path
) -> None:
    copied = copies.run("reporting", *words, env=environment, cwd=tmp_path, timeout=50)
    command = [sys.executable, "-m", "reporting", *words]
    started = subprocess.run(
        command, env=environment, cwd=tmp_path, stdin=-3, capture_output=True, text=True, check=False
    )
    assert (copied.returncode, copied.stdout, copied.stderr) == (started.returncode, started.stdout, started.stderr)


def test_copies_run_side_by_side(copies: Copies, environment: dict[str, str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        ran = threads.map(lambda it: copies.run("reporting", str(it), env=environment, timeout=50), range(20))
        assert [it.returncode for it in ran] == [*range(20)]


def test_a_copy_is_stopped_and_killed(copies: Copies, environment: dict[str, str]) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        copies.run("reporting", "wait", env=environment, timeout=0.1)
    for number, code in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, -2)):
        reading, writing = os.pipe()
        copy = copies.start("reporting", "wait", env=environment, stdout=writing, stderr=writing)
        os.close(writing)
        with open(reading) as printed:
            assert printed.readline() == "waits\n"
            assert copy.poll() is None
            copy.send_signal(number)
            assert copy.wait(50) == code
        copy.kill()  # of what has ended does nothing


def test_without_its_process_no_copy_starts(copies: Copies, environment: dict[str, str]) -> None:
    copies._process.kill()
    copies._process.wait()
    with pytest.raises(OSError):
        copies.run("reporting", "0", env=environment)
