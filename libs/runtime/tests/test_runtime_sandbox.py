"""The limits of a process that runs what is not trusted."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces these limits")

_RESERVE = """
import ctypes, os, sys
from queuebit_runtime.sandbox import bound
bound(64 << 20, int(sys.argv[1]))
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
def reserve(size, protection):
    found = libc.mmap(None, size, protection, 0x22, -1, 0)  # private and anonymous
    return found != ctypes.c_void_p(-1).value
print(reserve(100 << 30, 0), reserve(128 << 20, 3))
"""


@pytest.mark.parametrize(("reserved", "expected"), [(0, "False False"), (1 << 40, "True False")])
def test_addresses_can_be_reserved_and_memory_stays_limited(reserved: int, expected: str) -> None:
    """CUDA reserves more addresses than a child may have memory."""
    run = subprocess.run(
        [sys.executable, "-c", _RESERVE, str(reserved)], capture_output=True, text=True, check=True, timeout=25
    )
    assert run.stdout.strip() == expected


_WORKS = """
import time
from queuebit_runtime.sandbox import limit_processor_time

for _ in range(3):  # a later request has its own time
    limit_processor_time(0.5)
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
print("three requests", flush=True)
end = time.process_time() + 60
while time.process_time() < end:
    pass
"""

_GIVES_UP = """
import os
from queuebit_runtime.sandbox import drop_capabilities, end_first

end_first()
drop_capabilities()
status = dict(line.rstrip().split(":\\t") for line in open("/proc/self/status") if line.startswith("Cap"))
print(int(status["CapEff"], 16), int(status["CapPrm"], 16), open("/proc/self/oom_score_adj").read().strip())
"""


def test_each_request_has_its_own_processor_time_and_the_kernel_ends_one_that_takes_more() -> None:
    done = subprocess.run([sys.executable, "-c", _WORKS], capture_output=True, text=True, check=False)
    assert done.stdout == "three requests\n"
    assert done.returncode == -signal.SIGXCPU


def test_a_process_without_capabilities_is_ended_first() -> None:
    done = subprocess.run([sys.executable, "-c", _GIVES_UP], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0", "1000"]


_ENDS_OTHERS = """
import glob, os, signal, subprocess, sys
from queuebit_runtime import sandbox
if sys.argv[1] == "without a list":
    sandbox.glob.glob = lambda pattern: []
one, other = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
sandbox.end_others({one.pid})
print(other.wait() == -signal.SIGKILL, one.poll())
sandbox.end_others()
print(one.wait() == -signal.SIGKILL)
"""


@pytest.mark.parametrize("kernel", ["with a list of children", "without a list"])
def test_the_other_children_are_ended(kernel: str) -> None:
    found = subprocess.run([sys.executable, "-c", _ENDS_OTHERS, kernel], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "None", "True"]
