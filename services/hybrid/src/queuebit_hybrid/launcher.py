"""The process between the service and a user's file: `python -m queuebit_hybrid.launcher <status fd>`.

It reads its order from standard input, makes the namespaces, and starts the file as another user, under an own first
process that ends everything with it. All end when the service does. To the status descriptor it writes one JSON object:
`{"started": true}`, or `{"error": …}` if the child cannot be made. It exits like the file: with its exit code, or
128 and the number of the signal.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any, Final, NoReturn

from queuebit_hybrid.isolation import SOCKET, WORK, enter, leave_namespaces
from queuebit_runtime.readable import readable_paths
from queuebit_runtime.sandbox import die_with_parent
from queuebit_runtime.system_calls import COMMON, forbid

__all__ = ["FILE", "main"]

FILE: Final = "program.py"
_CREDENTIAL: Final = ".credential.toml"
_OPEN_FILES: Final = 256
_NICE: Final = 5
_Order = dict[str, Any]  # plain JSON, from the service


def main(status: int) -> int:
    """Run one order to its end."""
    order: _Order = json.load(sys.stdin)
    die_with_parent(order["service"])
    os.nice(_NICE)
    if not order["isolated"]:
        return _run(order, order["work"], order["socket"], status)
    try:
        leave_namespaces()
    except OSError as error:
        return _refuse(status, error)
    return _below(order, status)


def _below(order: _Order, status: int) -> int:
    """Fork the first process of the namespaces, which dies with this one, and wait for it."""
    ours, theirs = os.pipe()
    back, forth = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(theirs)
        os.close(back)
        die_with_parent(0)  # the parent is outside of the namespace
        os.write(forth, b"?")
        if os.read(ours, 1) != b"!":  # it ended before it could be asked for
            os._exit(1)
        os._exit(_first(order, status))
    os.close(ours)
    os.close(forth)
    _forward(pid)
    if os.read(back, 1) == b"?":
        os.write(theirs, b"!")
    return _ended(os.waitpid(pid, 0)[1])


def _first(order: _Order, status: int) -> int:
    """Process 1: the new root, then the file."""
    try:
        enter(order["root"], readable_paths(), order["socket"], order["uid"], order["disk_mb"])
    except OSError as error:
        return _refuse(status, error)
    return _run(order, WORK, SOCKET, status)


def _run(order: _Order, work: str, socket: str, status: int) -> int:
    """Start the file, and wait for its end; whatever it leaves behind is killed."""
    os.chdir(work)
    pid = os.fork()
    if pid == 0:
        _become(order, work, socket)
    os.write(status, b'{"started": true}')
    os.close(status)
    _forward(pid)
    code = 1
    while True:
        with suppress(ChildProcessError):
            ended, how = os.waitpid(-1, 0)
            if ended != pid:
                continue
            code = _ended(how)
        break
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL) if os.getpid() == 1 else os.killpg(pid, signal.SIGKILL)
    return code


def _become(order: _Order, work: str, socket: str) -> NoReturn:
    """Give up all rights, and become Python with the file."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        os.umask(0o077)
        if order["isolated"]:
            os.setgroups([])
            os.setresgid(order["uid"], order["uid"], order["uid"])
            os.setresuid(order["uid"], order["uid"], order["uid"])
        ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        for name, content in ((FILE, order["source"]), (_CREDENTIAL, order["credential"])):
            with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(content.replace("{socket}", socket))
        _limit(order)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(1, 2)
        os.closerange(3, 1024)
        if order["isolated"]:
            forbid(COMMON)
        arguments = [sys.executable, "-P", "-u", FILE]
        os.execve(sys.executable, arguments, _environment(order, work, socket))  # noqa: S606  # this Python
    except (OSError, ValueError) as error:
        print(f"the file could not be started: {error}", flush=True)
    os._exit(126)


def _limit(order: _Order) -> None:
    memory = order["memory_mb"] << 20
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_FSIZE: order["disk_mb"] << 20,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_CPU: order["processor_s"],
    }
    if order["isolated"]:
        limits[resource.RLIMIT_NPROC] = order["processes"]
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))


def _environment(order: _Order, work: str, socket: str) -> dict[str, str]:
    return {
        **order["environment"],
        "HOME": work,
        "TMPDIR": "/tmp" if order["isolated"] else work,  # noqa: S108  # of its own namespace
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "QUEUEBIT_HOME": f"{work}/.queuebit",
        "QUEUEBIT_CREDENTIAL": f"{work}/{_CREDENTIAL}",
        "QUEUEBIT_HYBRID_SOCKET": socket,
        "QUEUEBIT_HYBRID_PARAMETERS": order["parameters"],
        **({"QUEUEBIT_HYBRID_SESSION": order["session"]} if order["session"] else {}),
    }


def _forward(pid: int) -> None:
    """Send signals that ask it to end on to the child."""

    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the service decides


def _refuse(status: int, error: OSError) -> int:
    os.write(status, json.dumps({"error": str(error)}).encode())
    return 1


def _ended(how: int) -> int:
    code = os.waitstatus_to_exitcode(how)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
