"""What a child may not ask the kernel for: a seccomp filter.

It closes what the other limits leave open: memory that belongs to no process and no folder of the child, user
namespaces, in which it would have the rights of root, and parts of the kernel that no hybrid job needs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import Final

__all__ = ["forbid", "supported"]

_LOAD, _EQUAL, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x45, 0x54, 0x06
"""Instructions of classic BPF."""
_NUMBER, _ARCHITECTURE, _FIRST, _FOURTH = 0, 4, 16, 40
"""Places in `struct seccomp_data`; of arguments, the lower half."""
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NEW_USER = 0x10000000
_SHARED_ANONYMOUS = 0x21
_X32 = 0x40000000

_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_MMAP: Final = {"x86_64": 9, "aarch64": 222}
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_FORBIDDEN: Final = {
    "x86_64": (29, 68, 101, 248, 249, 250, 272, 298, 308, 310, 311, 319, 321, 323, 425, 447),
    "aarch64": (194, 186, 117, 217, 218, 219, 97, 241, 268, 270, 271, 279, 280, 282, 425, 447),
}
"""In this order: shmget, msgget, ptrace, add_key, request_key, keyctl, unshare, perf_event_open, setns,
process_vm_readv, process_vm_writev, memfd_create, bpf, userfaultfd, io_uring_setup, memfd_secret."""
_CLONE3: Final = 435
"""Its flags are in memory, where no filter reads them; C libraries use `clone` where it is missing."""


class _Program(ctypes.Structure):
    _fields_ = (("size", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def supported() -> bool:
    """Whether the numbers of this machine's system calls are known."""
    return platform.machine() in _ARCHITECTURES


def forbid() -> None:
    """Refuse these calls to this process and all below it, for ever. Needs `PR_SET_NO_NEW_PRIVS`.

    Raises:
        OSError: the kernel has no filters.
    """
    content = _filter(platform.machine())
    program = _Program(len(content) // 8, content)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def _filter(machine: str) -> bytes:
    """The filter as instructions of 8 bytes: code, jumps if true and if false, operand."""
    refuse, missing = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, missing),
        (_LOAD, 0, 0, _NUMBER),
        (_ANY_BIT, 0, 1, _X32),
        (_RETURN, 0, 0, missing),
    ]
    for number in (*_FORBIDDEN[machine], _CLONE3):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, missing)]
    steps += [
        (_EQUAL, 0, 4, _CLONE[machine]),
        (_LOAD, 0, 0, _FIRST),
        (_ANY_BIT, 0, 1, _NEW_USER),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, _MMAP[machine]),
        (_LOAD, 0, 0, _FOURTH),
        (_AND, 0, 0, _SHARED_ANONYMOUS),
        (_EQUAL, 0, 1, _SHARED_ANONYMOUS),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *it) for it in steps)
