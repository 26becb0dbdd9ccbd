"""Refuses system calls to a process and to all below it: a seccomp filter. Linux on x86-64 and AArch64, without root.

A filter sees numbers and arguments, and not what an argument points to. It cannot be removed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from queuebit_runtime.landlock import c_library

__all__ = ["COMMON", "NUMBERS", "OWN_PID", "Filter", "Refusal", "forbid", "supported"]

_LOAD, _EQUAL, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x45, 0x54, 0x06
"""Instructions of classic BPF."""
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Places in `struct seccomp_data`. Of an argument only the lower half is read."""
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_X32 = 0x40000000
_ALL: Final = 0xFFFFFFFF
_STEP: Final = struct.Struct("=HBBI")
OWN_PID: Final = 0x7FFFFFFF
"""As a value of a `Refusal`, the id of the process that sets the filter; no process has this one."""
_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_MACHINES: Final = tuple(_ARCHITECTURES)

NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "accept": (43, 202),
    "accept4": (288, 242),
    "add_key": (248, 217),
    "bind": (49, 200),
    "bpf": (321, 280),
    "chmod": (90, None),
    "chown": (92, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    "connect": (42, 203),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fallocate": (285, 47),
    "fanotify_init": (300, 262),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fcntl": (72, 25),
    "fork": (57, None),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "ftruncate": (77, 46),
    "futimesat": (261, None),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "lchown": (94, None),
    "listen": (50, 201),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mmap": (9, 222),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "open": (2, None),
    "open_by_handle_at": (304, 265),
    "openat": (257, 56),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "removexattr": (197, 14),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "setxattr": (188, 5),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "truncate": (76, 45),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
    "vfork": (58, None),
}
"""The numbers of system calls on x86-64 and on AArch64; None where a machine does not have the call."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A system call that is refused, always or for some values of one argument."""

    call: str
    error: int = errno.EPERM
    argument: int | None = None
    """The number of the argument that decides, from 0; None refuses the call always."""
    mask: int = _ALL
    """The bits of the argument that count."""
    values: tuple[int, ...] = ()
    """Those that are refused."""
    others: bool = False
    """Whether all values other than these are refused instead."""


_NEW_USER, _SHARED_ANONYMOUS = 0x10000000, 0x21
_SET_OWNER, _SET_SIGNAL, _SET_OWNER_EXTENDED = 8, 10, 15
_SET_OWNER_BY_IOCTL: Final = (0x8901, 0x8902)
_TYPE_INTO_TERMINAL: Final = (0x5412, 0x541C)

COMMON: Final = (
    *(
        Refusal(it, errno.ENOSYS)
        for it in (
            *("shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl"),
            *("memfd_create", "memfd_secret", "userfaultfd"),
            *("ptrace", "process_vm_readv", "process_vm_writev", "perf_event_open", "bpf", "io_uring_setup"),
            *("add_key", "request_key", "keyctl", "unshare", "setns"),
            "clone3",  # its flags are in memory, where no filter reads them; C libraries then use `clone`
        )
    ),
    Refusal("clone", argument=0, mask=_NEW_USER, values=(_NEW_USER,)),
    Refusal("mmap", argument=3, mask=_SHARED_ANONYMOUS, values=(_SHARED_ANONYMOUS,)),
    Refusal("fcntl", argument=1, values=(_SET_OWNER, _SET_SIGNAL, _SET_OWNER_EXTENDED)),
    Refusal("ioctl", argument=1, values=(*_SET_OWNER_BY_IOCTL, *_TYPE_INTO_TERMINAL)),
)
"""What no code of a tenant needs: memory that belongs to no process and no file, other processes' memory, user
namespaces, in which it would have the rights of root, parts of the kernel with a history of faults, descriptors that
send any signal to another process (`F_SETOWN`, `F_SETSIG`), and input for the terminal of the operator."""


class _Program(ctypes.Structure):
    _fields_ = (("size", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def supported() -> bool:
    """Whether the numbers of this machine's system calls are known."""
    return platform.machine() in _ARCHITECTURES


class Filter:
    """A filter that is ready: a process makes it once, and its forks set it."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self._content = _filter(platform.machine(), refusals)
        steps = enumerate(_STEP.iter_unpack(self._content))
        self._own = [place for place, (code, _, _, operand) in steps if (code, operand) == (_EQUAL, OWN_PID)]
        """The steps that compare with the id of the process."""

    def content(self, pid: int) -> bytes:
        """The filter for the process with this id."""
        found = bytearray(self._content)
        for place in self._own:
            struct.pack_into("=I", found, place * _STEP.size + 4, pid)
        return bytes(found)


def forbid(refusals: Iterable[Refusal] | Filter) -> None:
    """Refuse these calls to this thread and all that it starts, for ever. Needs `PR_SET_NO_NEW_PRIVS`.

    Raises:
        OSError: the kernel has no filters.
    """
    ready = refusals if isinstance(refusals, Filter) else Filter(refusals)
    content = ready.content(os.getpid())
    program = _Program(len(content) // _STEP.size, content)
    if c_library().prctl(22, 2, ctypes.byref(program), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


_Step = tuple[int, int, int, int]
"""An instruction: its code, the steps to jump if it is true and if it is false, and its operand."""


def _filter(machine: str, refusals: Iterable[Refusal]) -> bytes:
    """The filter as instructions of 8 bytes."""
    missing = _ERROR | errno.ENOSYS
    steps: list[_Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, missing),
        (_LOAD, 0, 0, _NUMBER),
        (_ANY_BIT, 0, 1, _X32),
        (_RETURN, 0, 0, missing),
    ]
    column = _MACHINES.index(machine)
    for it in refusals:
        if (number := NUMBERS[it.call][column]) is not None:
            body = [*_decision(it)]
            steps += [(_EQUAL, 0, len(body), number), *body]
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(_STEP.pack(*it) for it in steps)


def _decision(it: Refusal) -> Iterator[_Step]:
    """The steps for one call; where they do not refuse, the number is loaded again for the next one."""
    refuse = (_RETURN, 0, 0, _ERROR | it.error)
    if it.argument is None:
        yield refuse
        return
    yield _LOAD, 0, 0, _ARGUMENTS + 8 * it.argument
    yield _AND, 0, 0, it.mask
    if it.others:
        for left in range(len(it.values), 0, -1):
            yield _EQUAL, left, 0, it.values[-left]  # over the values that are left, and the refusal
        yield refuse
    else:
        for value in it.values:
            yield _EQUAL, 0, 1, value
            yield refuse
    yield _LOAD, 0, 0, _NUMBER
