"""Reads and follows the logs of a stack's processes, line by line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack

__all__ = ["Line", "LogFile", "logs_of", "merged", "stamped"]

_MOMENT = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?")
_LOOKED_AT = 60
"""The time of a line is within this many characters."""
_BLOCK = 64 << 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log."""

    at: str
    """Local time in a form that sorts; lines without a time, such as tracebacks, take that of the line before."""
    service: str
    text: str


class LogFile:
    """One log, read from its end; the file may be missing, and may be rotated while it is followed."""

    def __init__(self, service: str, path: Path) -> None:
        self.service = service
        self._path = path
        self._inode: int | None = None
        self._offset = 0
        self._rest = b""
        self._at = ""

    def last(self, count: int) -> list[Line]:
        """The last lines; `fresh` returns later ones."""
        try:
            with self._path.open("rb") as file:
                self._inode, end = _identity(file.fileno())
                begin, content = end, b""
                while begin and content.count(b"\n") <= count:
                    begin = max(0, begin - _BLOCK)
                    file.seek(begin)
                    content = file.read(end - begin)
        except FileNotFoundError:
            return []
        self._offset = end
        return self._lines(content)[-count:] if count else []

    def fresh(self) -> list[Line]:
        """Complete lines written since the last call."""
        try:
            with self._path.open("rb") as file:
                inode, end = _identity(file.fileno())
                if inode != self._inode or end < self._offset:  # the file was rotated
                    self._inode, self._offset, self._rest = inode, 0, b""
                file.seek(self._offset)
                content = file.read(end - self._offset)
        except FileNotFoundError:
            return []
        self._offset = end
        return self._lines(content)

    def _lines(self, content: bytes) -> list[Line]:
        *whole, self._rest = (self._rest + content).split(b"\n")
        return [self._line(text.decode(errors="replace")) for text in whole]

    def _line(self, text: str) -> Line:
        if found := _MOMENT.search(text, 0, _LOOKED_AT):
            year, month, day, time, fraction = found.groups(default="")
            self._at = f"{year}-{month}-{day} {time}.{fraction:0<6.6}"
        return Line(self._at, self.service, text)


def logs_of(home: Home, service: str | None) -> list[LogFile]:
    """The log of one service, or of all.

    Raises:
        Stop: the service has none, or a container engine keeps the logs.
    """
    home.require()
    stack = Stack.load(home)
    if stack is not None and stack.in_containers:
        raise Stop(Exit.REFUSED, "a container engine keeps these logs: see `docker compose logs`")
    known = sorted(path.stem for path in home.log_file("x").parent.glob("*.log"))
    if service is not None and service not in known:
        near = get_close_matches(service, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(known) or 'none yet'}"
        raise Stop(Exit.USAGE, f"{home.root} has no log of {service}: {hint}")
    return [LogFile(name, home.log_file(name)) for name in (known if service is None else [service])]


def merged(logs: Iterable[Sequence[Line]]) -> list[Line]:
    """The lines of several logs in order of time; lines of one log keep their order."""
    return sorted((line for lines in logs for line in lines), key=lambda line: line.at)


def stamped(text: str) -> str:
    """A line with a time stamp in the format of the services."""
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S,%f}"[:-3] + f" {text}"


def _identity(descriptor: int) -> tuple[int, int]:
    seen = os.fstat(descriptor)
    return seen.st_ino, seen.st_size
