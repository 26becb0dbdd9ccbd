"""What a child may ask the kernel for: memory, threads, and what it reads of Python. No network, no other file.

The limits need no root and no container. They are set once for each child, after its fork.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Final

from queuebit_runtime.landlock import landlock_version, restrict_files
from queuebit_runtime.readable import readable_paths, without_nested
from queuebit_runtime.sandbox import drop_capabilities, end_first, limit_file_size, limit_threads
from queuebit_runtime.system_calls import COMMON, OWN_PID, Filter, Refusal, forbid, supported

__all__ = ["Rights", "readable_files", "ready_filter", "restrict"]

_TRUNCATION: Final = 3
"""The version of Landlock that limits who may empty a file."""
_SELF: Final = "/proc/self"
_MACHINE: Final = (
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node", "/dev/random", "/dev/urandom"),
)
"""What libraries read to choose a number of threads."""
_NETWORK: Final = (
    *("/etc/hosts", "/etc/resolv.conf", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust"),
    *("/etc/ca-certificates", "/etc/crypto-policies"),
)
_DRIVERS: Final = ("/proc", "/sys")
_WRITABLE: Final = ("/dev/null",)
_THREAD: Final = 0x10000
_KIND: Final = 0xF
_CONNECTED: Final = (1, 5)
"""Streams and sequences of packets. Unix sockets of the kinds 2 and 3 are of datagrams."""
_LOG_BYTES: Final = 64 << 20
_STANDARD_ERROR: Final = 2
_PARENT_DEATH_SIGNAL: Final = 1


@dataclass(frozen=True, slots=True)
class Rights:
    """What the operator grants to the children of a stack, beyond what each needs."""

    network: bool | None = None
    """Whether they have a network; None: only those that call a vendor."""
    readable: tuple[str, ...] = ()
    """Further files and folders that they read."""
    writable: tuple[str, ...] = ()
    """Files and folders that they write."""
    programs: bool = False
    """Whether they start processes and programs."""
    sandbox: bool = True
    """Whether they give up rights at all."""
    keys: tuple[str, ...] = ()
    """Files with keys of the stack. One that a child can read all the same is reported."""

    def as_argument(self) -> str:
        """Return these rights as an argument of a process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, text: str) -> Rights:
        """Read what `as_argument` wrote."""
        it = json.loads(text)
        readable, writable, keys = (tuple(it[name]) for name in ("readable", "writable", "keys"))
        return cls(it["network"], readable, writable, it["programs"], it["sandbox"], keys)


def readable_files(rights: Rights, passed: Iterable[str]) -> list[str]:
    """Return the paths that children read: Python with its packages, what was granted, and files in variables.

    Args:
        rights: what is granted.
        passed: the values of the variables that children see. One that is an absolute path, such as that of a file
            with a key, names a file that they may read.
    """
    files = [it for it in passed if os.path.isabs(it) and os.path.isfile(it)]
    return without_nested([*readable_paths(), *_MACHINE, *rights.readable, *files, *_loaded()])


def _loaded() -> Iterator[str]:
    """Where the packages and modules are that were imported; an editable one is in no folder of `sys.path`."""
    for name, module in [*sys.modules.items()]:
        if "." not in name:
            yield from getattr(module, "__path__", None) or filter(None, [getattr(module, "__file__", None)])


def restrict(rights: Rights, readable: Iterable[str], devices: Sequence[str] = (), *, network: bool) -> list[str]:
    """Give up all rights but these, for ever; return what this system cannot limit, for the operator.

    Args:
        rights: what the operator grants.
        readable: what `readable_files` returns.
        devices: device files that it opens; their drivers need Unix sockets too.
        network: whether this child calls a vendor.

    Raises:
        OSError: the kernel has such a limit, and refuses to set it.
    """
    if sys.platform != "linux":
        return ["files, network, processes and signals (they need Linux)"]
    if not rights.sandbox:
        return ["files, network, processes and signals (switched off in backends.toml)"]
    missing = []
    end_first()
    limit_threads()
    if not rights.writable:
        limit_file_size(os.fstat(_STANDARD_ERROR).st_size + _LOG_BYTES)  # of the log, the only file that is open
    os.open(_SELF, os.O_PATH)  # the kernel forgets the rule for a folder of /proc that is not open
    version = landlock_version()
    if version:
        paths = (*readable, _SELF, *(_NETWORK if network else ()), *(_DRIVERS if devices else ()))
        restrict_files(paths, (*_WRITABLE, *rights.writable, *devices), programs=rights.programs, network=network)
        if version < _TRUNCATION and rights.writable:
            missing.append("emptying files (it needs Linux 6.2 or later, or no `writable`)")
        missing += [f"{path} (it is in a folder of PYTHONPATH or `readable`)" for path in filter(_opens, rights.keys)]
        os.chdir("/")  # where nothing can be made now; some libraries ask for the name of the folder
    else:
        missing.append("files (they need Landlock, in Linux 5.13 or later)")
    drop_capabilities()
    if supported():
        forbid(ready_filter(rights, network=network, drivers=bool(devices)))
    else:
        missing.append("network, processes and signals (they need a processor of x86-64 or AArch64)")
    return missing


@cache
def ready_filter(rights: Rights, *, network: bool, drivers: bool) -> Filter:
    """The filter of system calls of such children; the process that forks them makes it once for all."""
    return Filter(_refusals(rights, network=network, drivers=drivers, truncation=landlock_version() >= _TRUNCATION))


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def _refusals(rights: Rights, *, network: bool, drivers: bool, truncation: bool) -> Iterator[Refusal]:
    """What a child may not ask for; `truncation` is whether Landlock limits who may empty a file.

    A connected pair of sockets is allowed, except of datagrams: those can be sent to any address.
    """
    yield from COMMON
    yield from _sockets(network=network, drivers=drivers)
    if not rights.programs:
        yield from map(Refusal, ("execve", "execveat", "fork", "vfork"))
        yield Refusal("clone", argument=0, mask=_THREAD, values=(0,))
    for call in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        yield Refusal(call, argument=0, values=(OWN_PID,), others=True)
    yield Refusal("prlimit64", argument=0, values=(0, OWN_PID), others=True)
    yield Refusal("prctl", argument=0, values=(_PARENT_DEATH_SIGNAL,))
    yield from map(Refusal, ("tkill", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp", "open_by_handle_at"))
    yield from map(Refusal, ("setpriority", "ioprio_set", "migrate_pages", "move_pages", "semget", "mq_open"))
    yield from map(Refusal, ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"))
    yield from map(Refusal, ("mq_unlink", "inotify_init", "inotify_init1", "fanotify_init"))
    if not rights.writable:
        yield from _changes(truncation=truncation)


def _changes(*, truncation: bool) -> Iterator[Refusal]:
    """What changes a file without writing to it: Landlock limits what files contain, and not all else.

    The log of the executor stays open: a child adds lines, and may not empty it.
    """
    yield from map(Refusal, ("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"))
    yield from map(Refusal, ("setxattr", "lsetxattr", "fsetxattr", "utime", "utimes", "utimensat", "futimesat"))
    yield from map(Refusal, ("removexattr", "lremovexattr", "fremovexattr", "truncate", "ftruncate", "fallocate"))
    if not truncation:
        yield Refusal("open", argument=1, mask=os.O_TRUNC, values=(os.O_TRUNC,))
        yield Refusal("openat", argument=2, mask=os.O_TRUNC, values=(os.O_TRUNC,))
        yield Refusal("openat2", errno.ENOSYS)  # its flags are in memory


def _sockets(*, network: bool, drivers: bool) -> Iterator[Refusal]:
    families = (*((socket.AF_INET, socket.AF_INET6) if network else ()), *((socket.AF_UNIX,) if drivers else ()))
    yield Refusal("socketpair", argument=0, values=(socket.AF_UNIX,), others=True)
    yield Refusal("socketpair", argument=1, mask=_KIND, values=_CONNECTED, others=True)
    yield Refusal("socket", argument=0, values=families, others=True)
    if not network:
        yield Refusal("connect")
    if not drivers:
        yield from map(Refusal, ("listen", "accept", "accept4"))
    if not network and not drivers:
        yield Refusal("bind")
