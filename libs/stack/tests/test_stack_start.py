"""The start of a stack: what its log and the terminal read meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from queuebit_stack.home import Home
from queuebit_stack.overview import remarks
from queuebit_stack.probe import Look
from queuebit_stack.process_specs import Spec
from queuebit_stack.start import announce
from queuebit_stack.supervisor import Supervisor


def test_every_restart_is_announced_with_its_time_and_reason(tmp_path: Path) -> None:
    home = Home(tmp_path)
    supervisor = Supervisor(home, {}, [Spec("broker", ("false",), {}, "http://x", Look)])
    child = supervisor.children[0]
    written: list[str] = []
    show = announce(written.append)
    for restarts in (0, 0, 1):
        child.reason, child.restarts = "ended by signal 9 (SIGKILL)", restarts
        show(supervisor)
    assert [line[24:] for line in written] == ["broker: ended by signal 9 (SIGKILL); it is restarted"] * 2
    assert all(line[:4].isdigit() for line in written)


def test_a_process_that_is_not_ready_or_was_restarted_is_explained() -> None:
    well = {"service": "broker", "restarts": 0, "reason": "", "last_end": ""}
    again = {"service": "metering", "restarts": 2, "reason": "", "last_end": "ended by signal 9"}
    ends = {"service": "fleet", "restarts": 3, "reason": "does not answer", "last_end": "ended with 1: no licence"}
    waits = {**ends, "reason": "ended with 1: no licence"}
    assert remarks([well, again, ends, waits]) == [
        "metering: restarted because it ended by signal 9",
        "fleet: does not answer; restarted because it ended with 1: no licence",
        "fleet: ended with 1: no licence",
    ]


def test_the_background_keeps_no_file_open_that_its_caller_had(tmp_path: Path) -> None:
    program = """
import os, sys
from queuebit_stack.start import close_inherited
own = os.open(os.devnull, os.O_RDONLY)
close_inherited()
os.fstat(own)
try:
    os.fstat(int(sys.argv[1]))
except OSError:
    print("closed", flush=True)
"""
    with (tmp_path / "lock").open("w") as lock:
        number = str(lock.fileno())
        done = subprocess.run(
            [sys.executable, "-c", program, number], pass_fds=[int(number)], capture_output=True, text=True, check=True
        )
        os.fstat(lock.fileno())
    assert done.stdout == "closed\n"
