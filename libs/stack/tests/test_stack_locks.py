"""File locks: one holder at a time, and free after the holder ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit_stack.errors import Stop
from queuebit_stack.locks import alone, holder, take


def test_one_has_it_and_says_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    lock = take(path)
    assert lock is not None
    assert take(path) is None
    assert holder(path) == os.getpid()
    lock.close()
    assert holder(path) is None


def test_who_waits_too_long_is_reported_for_whom(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "lock"),
        pytest.raises(Stop, match=f"process {os.getpid()} has held"),
        alone(tmp_path / "lock", timeout_s=0.05),
    ):
        pass


def test_it_ends_with_a_holder_that_is_killed(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from queuebit_stack.locks import take; import time\nlock = take(Path(sys.argv[1])); print('x', flush=True); time.sleep(60)"  # noqa: E501
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert holder(tmp_path / "lock") == process.pid
    process.kill()
    process.wait()
    with alone(tmp_path / "lock", timeout_s=0.05):
        assert holder(tmp_path / "lock") == os.getpid()
