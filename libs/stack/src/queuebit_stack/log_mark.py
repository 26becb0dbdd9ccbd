"""Which log a home has, and how far it is known to go: what makes a lost log noticed before anything is appended.

A server whose store is gone makes an empty stream; one whose store is torn gives away the same sequences again. Events
cite sequences, so neither may be written to.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home

__all__ = ["LogLost", "Mark", "known", "require_whole"]


class LogLost(Stop):
    """The stream holds less than it did; nothing may be appended."""

    def __init__(self, home: Home, text: str) -> None:
        super().__init__(
            Exit.REFUSED,
            f"{text}\nput a backup of the whole home in its place, or {home.command('recover')}: it says what is gone, "
            "and restores it from the warehouse\n"
            f"to give up all jobs, money and receipts so far: {home.command('recover --begin-anew')}",
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """A stream `LOG`."""

    created: str
    """When the server made it: another stream of that name has another time."""
    last: int
    """The last sequence that it gave away."""

    def save(self, home: Home) -> None:
        """Put it in place, whole."""
        write_private(home.log_mark, json.dumps(asdict(self)) + "\n")


def known(home: Home) -> Mark | None:
    """What the home knows of its log; of one that never wrote it down, what the published tiles tell."""
    found = read_json(home.log_mark)
    if found is not None and isinstance(found.get("created"), str) and isinstance(found.get("last"), int):
        return Mark(found["created"], found["last"])
    try:
        leaves = int((home.provenance / "log" / "checkpoint").read_text(encoding="utf-8").split("\n")[1])
    except (OSError, UnicodeDecodeError, ValueError, IndexError):
        return None
    return Mark("", leaves) if leaves else None


def require_whole(home: Home, found: Mark | None) -> None:
    """Compare the stream that the server has, if it has one, with what the home knows of it.

    Raises:
        LogLost: it is gone, another one, or shorter than it was.
    """
    mark = known(home)
    if mark is None or mark.last == 0:
        return
    if found is None:
        raise LogLost(
            home, f"the log is gone: {home.jetstream} holds no stream LOG, and it held {mark.last} events or more"
        )
    if mark.created not in ("", found.created):
        raise LogLost(home, f"the stream LOG in {home.jetstream} was made {found.created}, this home's {mark.created}")
    if found.last < mark.last:
        raise LogLost(home, f"the end of the log is lost: it ends at sequence {found.last}, and it went to {mark.last}")
