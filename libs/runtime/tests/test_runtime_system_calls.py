"""The filter of system calls, in a process of its own: what it forbids stays forbidden, and Python works."""

from __future__ import annotations

import ctypes
import json
import platform
import subprocess
import sys
from ctypes.util import find_library

import pytest

from queuebit_runtime.system_calls import COMMON, NUMBERS, OWN_PID, Filter, Refusal, _filter, supported

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not supported(), reason="the filter is for Linux on x86-64 and AArch64"
)

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}

TRIES = """
import ctypes, errno, json, mmap, os, subprocess, sys, threading
from multiprocessing.shared_memory import SharedMemory
from queuebit_runtime.system_calls import COMMON, Refusal, forbid

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
forbid([*COMMON, Refusal("setpriority", errno.EACCES, 1, values=(0, 7), others=True), Refusal("kcmp", values=(1,))])

def tried(call, *arguments):
    ctypes.set_errno(0)
    call(*arguments)
    return errno.errorcode.get(ctypes.get_errno(), "allowed")

def made(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"

def shared():
    it = SharedMemory(create=True, size=4096)
    it.unlink()

thread = threading.Thread(target=print)
thread.start()
thread.join()
print(json.dumps({
    "shared": made(lambda: mmap.mmap(-1, 4096)),
    "private": made(lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)),
    "in a folder": made(shared),
    "memfd": made(lambda: os.memfd_create("x")),
    "shmget": tried(libc.shmget, 0, 4096, 0o1600),
    "unshare": tried(libc.unshare, 0x10000000),
    "clone": tried(libc.syscall, CLONE, 0x10000000 | 17, 0, 0, 0, 0),
    "ptrace": tried(libc.ptrace, 0, 0, 0, 0),
    "an argument that is listed": made(lambda: os.setpriority(os.PRIO_PROCESS, 0, 7)),
    "an argument that is not": made(lambda: os.setpriority(os.PRIO_PROCESS, 5, 7)),
    "below": subprocess.run(
        [sys.executable, "-c", "import os; os.memfd_create('x')"], stderr=subprocess.DEVNULL
    ).returncode,
}))
"""


def test_memory_that_nothing_limits_and_namespaces_are_refused_and_python_works() -> None:
    program = TRIES.replace("CLONE", str(CLONE[platform.machine()]))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "shared": "EPERM",
        "private": "allowed",
        "in a folder": "allowed",
        "memfd": "ENOSYS",
        "shmget": "ENOSYS",
        "unshare": "ENOSYS",
        "clone": "EPERM",
        "ptrace": "ENOSYS",
        "an argument that is listed": "allowed",
        "an argument that is not": "EACCES",
        "below": 1,
    }


@pytest.mark.skipif(find_library("seccomp") is None, reason="libseccomp, which has the numbers, is not installed")
@pytest.mark.parametrize(("column", "machine"), [*enumerate(ARCHITECTURES)])
def test_the_numbers_are_those_of_libseccomp(column: int, machine: str) -> None:
    library = ctypes.CDLL(find_library("seccomp"))
    resolve = library.seccomp_syscall_resolve_name_arch
    resolve.argtypes, resolve.restype = [ctypes.c_uint32, ctypes.c_char_p], ctypes.c_int
    found = {name: resolve(ARCHITECTURES[machine], name.encode()) for name in NUMBERS}
    assert {it for it in found if found[it] == -1} == set(), "a name that no machine has"
    expected = {name: None if number < 0 else number for name, number in found.items()}
    assert {name: numbers[column] for name, numbers in NUMBERS.items()} == expected


def test_a_filter_that_is_ready_is_that_of_the_process_that_sets_it() -> None:
    def refusals(pid: int) -> list[Refusal]:
        return [*COMMON, Refusal("kill", argument=0, values=(0, pid), others=True), Refusal("kcmp", values=(1,))]

    assert Filter(refusals(OWN_PID)).content(77) == _filter(platform.machine(), refusals(77))


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_call_that_a_machine_does_not_have_leaves_no_instructions(machine: str) -> None:
    without, with_fork = _filter(machine, COMMON), _filter(machine, [*COMMON, Refusal("fork")])
    assert (len(with_fork) > len(without)) == (machine == "x86_64")
