"""The identity of a home's log and its last known sequence: detects a lost log before anything is appended.

A server without its store creates an empty stream; a server with a damaged store assigns the same sequences again.
Events cite sequences, so neither may be written to.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home

__all__ = ["LogLost", "Mark", "known", "require_whole"]


class LogLost(Stop):
    """The stream lost messages; nothing may be appended."""

    def __init__(self, home: Home, text: str) -> None:
        super().__init__(
            Exit.REFUSED,
            f"{text}\nrestore a backup of the whole home, or run {home.command('recover')}: it lists what is missing, "
            "and restores it from the warehouse\n"
            f"to give up all jobs, money and receipts so far: {home.command('recover --begin-anew')}",
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """A stream `LOG`."""

    created: str
    """When the server created it: another stream of that name has another time."""
    last: int
    """The last sequence that it assigned."""

    def save(self, home: Home) -> None:
        """Write it to the home."""
        write_private(home.log_mark, json.dumps(asdict(self)) + "\n")


def known(home: Home) -> Mark | None:
    """The mark in the home; a home without one is judged by its published tiles."""
    found = read_json(home.log_mark)
    if found is not None and isinstance(found.get("created"), str) and isinstance(found.get("last"), int):
        return Mark(found["created"], found["last"])
    try:
        leaves = int((home.provenance / "log" / "checkpoint").read_text(encoding="utf-8").split("\n")[1])
    except (OSError, UnicodeDecodeError, ValueError, IndexError):
        return None
    return Mark("", leaves) if leaves else None


def require_whole(home: Home, found: Mark | None) -> None:
    """Compare the server's stream with the mark in the home.

    Raises:
        LogLost: the stream is missing, another one, or shorter than before.
    """
    mark = known(home)
    if mark is None or mark.last == 0:
        return
    if found is None:
        raise LogLost(
            home, f"the log is missing: {home.jetstream} has no stream LOG, and it held {mark.last} events or more"
        )
    if mark.created not in ("", found.created):
        raise LogLost(
            home, f"the stream LOG in {home.jetstream} was created {found.created}, the one of this home {mark.created}"
        )
    if found.last < mark.last:
        raise LogLost(home, f"the end of the log is lost: it ends at sequence {found.last}, and it reached {mark.last}")
