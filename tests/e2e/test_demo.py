"""The demo, as `make demo` runs it, while another stack runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


def test_the_demo_runs_to_its_end_and_leaves_nothing_behind(stack: EmbeddedStack, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"TMPDIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = re.search(r"receipts verified (\d+) of (\d+)", done.stdout)
    assert output is not None, done.stdout
    assert int(output[1]) == int(output[2]) >= 60
    assert {f"emulated-ibm-{it}" for it in ("torino", "sherbrooke", "perth")} <= {*re.findall(r"[\w-]+", done.stdout)}
    assert re.findall(r"(I\d) .*holds", done.stdout) == ["I1", "I2", "I3", "I4", "I5", "I6", "I7"]
    assert re.search(r"was placed on \S+ at .*, by fair-share", done.stdout), "one decision is explained"
    assert re.findall(r"^ +(\d\.\d) +-?\d\.\d{3} +± ", done.stdout, re.MULTILINE) == ["0.0", "0.5", "1.0", "1.5"]
    assert [*tmp_path.iterdir()] == []
    assert stack.ask("status")["ready"]
