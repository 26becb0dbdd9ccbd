"""What a Python process has to read of a machine, besides its own files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

__all__ = ["readable_paths", "without_nested"]

_SYSTEM: Final = (
    *("/usr", "/lib", "/lib64", "/bin"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/alternatives"),
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf"),  # beside them are private keys
)


def readable_paths() -> list[str]:
    """Return the paths of the system's libraries, and of Python with everything that is installed.

    For a process that runs with `-P`: without it, `sys.path` begins with the folder in which the service was started.
    """
    wanted = [*_SYSTEM, sys.base_prefix, sys.prefix, os.path.dirname(os.path.realpath(sys.executable))]
    folders = [*sys.path, sys.pycache_prefix or "", *os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    return without_nested([*wanted, *(it for it in folders if os.path.isdir(it))])


def without_nested(paths: Iterable[str]) -> list[str]:
    """Return those of the paths that exist, without those in a folder that comes before them."""
    found: list[str] = []
    for path in paths:
        if os.path.lexists(path) and not any(PurePath(path).is_relative_to(it) for it in found):
            found.append(path)
    return found
