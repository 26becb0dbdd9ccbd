"""Namespaces of a child: it sees read-only Python and system libraries, its own folder, and a socket to the service.

It has no network at all, no processes besides its own, and no file of this machine beside those. Linux only, as root.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from queuebit_runtime.system_calls import supported

__all__ = ["SOCKET", "WORK", "enter", "leave_namespaces", "obstacle"]

WORK: Final = "/work"
SOCKET: Final = "/run/queuebit/bus.sock"

_NEW_NS, _NEW_UTS, _NEW_IPC, _NEW_PID, _NEW_NET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_DEVICES: Final = ("/dev/null", "/dev/random", "/dev/urandom")
"""Not `/dev/zero`: mapped, it is memory that nothing limits."""


def obstacle() -> str | None:
    """Why children cannot be isolated here; None if nothing speaks against it."""
    if sys.platform != "linux":
        return "isolation needs Linux"
    if not supported():
        return f"isolation needs a processor of x86-64 or AArch64, and this is {platform.machine()}"
    if os.geteuid() != 0:
        return "isolation needs root: run the hybrid service as root, in a container of its own if you like"
    return None


def leave_namespaces() -> None:
    """Have new namespaces of mounts, network, names and IPC, and of processes for the next child.

    Raises:
        OSError: the kernel refuses.
    """
    _call("unshare", _NEW_NS | _NEW_UTS | _NEW_IPC | _NEW_PID | _NEW_NET)


def enter(root: str, visible: Sequence[str], socket: str, uid: int, disk_mb: int) -> None:
    """Make a new root with nothing but what the child needs, and go there.

    Args:
        root: an empty folder, where the new root is made.
        visible: what it reads, at the same paths.
        socket: the service's socket; it will be at `SOCKET`.
        uid: who owns `WORK`, the only folder that it writes besides `/tmp`.
        disk_mb: the room of both together.

    Raises:
        OSError: the kernel refuses.
    """
    os.umask(0o022)  # its folders are for another user
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, f"size={disk_mb}m,mode=755,nr_inodes=65536")
    for path in visible:
        _show(path, root)
    for device in _DEVICES:
        _bind(device, root + device, _NOSUID | _NOEXEC)
    _links(root)
    _bind(socket, root + SOCKET, _NOSUID | _NODEV | _NOEXEC)
    for folder, owner, mode in ((WORK, uid, 0o700), ("/tmp", 0, 0o1777), ("/dev/shm", 0, 0o1777)):  # noqa: S108
        os.makedirs(root + folder, exist_ok=True)
        os.chown(root + folder, owner, owner)
        os.chmod(root + folder, mode)
    os.makedirs(root + "/proc")
    _mount("proc", root + "/proc", "proc", _NOSUID | _NODEV | _NOEXEC, "hidepid=2")
    _change_root(root)


def _change_root(root: str) -> None:
    os.makedirs(root + "/.old")
    _call("pivot_root", root.encode(), (root + "/.old").encode())
    os.chdir("/")
    _call("umount2", b"/.old", _DETACH)
    os.rmdir("/.old")


def _links(root: str) -> None:
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{root}/dev/{name}")


def _show(path: str, root: str) -> None:
    """Make a file, folder or link readable at its own path."""
    if os.path.islink(path):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(os.readlink(path), root + path)
        return
    _bind(path, root + path, _RDONLY | _NOSUID | _NODEV)


def _bind(source: str, target: str, flags: int) -> None:
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    _mount(source, target, None, _BIND)
    _mount(None, target, None, _BIND | _REMOUNT | flags)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [None if it is None else it.encode() for it in (source, target, kind, options)]
    _call("mount", encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        target = next((it.decode() for it in arguments[1:2] if isinstance(it, bytes)), "")
        raise OSError(number, f"{name} {target}: {os.strerror(number)}")
