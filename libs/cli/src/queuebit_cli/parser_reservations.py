"""The grammar of reservations, and of the windows of backends."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, lifetime, number
from queuebit_cli.instants import instant, period

__all__ = ["reserve_commands", "window_commands"]

_BEGINNING = "its beginning, such as 2026-11-30T14:00:00+01:00, or +2h from now"


def reserve_commands(reserve: Group) -> None:
    """Time slots of backends."""
    book = reserve.command("book", "reservations:book", "book a slot, and hold its price", "BACKEND", client=True)
    _slot(book)
    book.add_argument("--project", metavar="P", help="the project that pays, and whose jobs use it (the credential's)")
    book.add_argument(
        "--only", action="append", default=[], metavar="USER", help="only jobs of this user use it; may be repeated"
    )
    book.add_argument("--max-idle", type=lifetime, metavar="TIME", help="the rest goes back after this without a job")
    book.add_argument("--name", metavar="TEXT", help="a display name")
    book.add_argument("--key", metavar="K", help="idempotency key: the same key and content is the same reservation")
    book.add_argument("--dry-run", action="store_true", help="show the price, and book nothing")
    listed = reserve.command(
        "list", "reservations:list_", "list reservations that are ahead, or ended within a day", client=True
    )
    listed.add_argument("--limit", type=number(1), default=50, metavar="N", help="how many (50)")
    reserve.command("show", "reservations:show", "show what became of a slot", "RESERVATION", client=True)
    reserve.command(
        "cancel", "reservations:cancel", "cancel it, or give the rest of its slot back", "RESERVATION", client=True
    )


def window_commands(window: Group) -> None:
    """Times in which no job runs on a backend."""
    add = window.command("add", "windows:add", "plan a time in which no job runs", "BACKEND")
    _slot(add)
    add.add_argument("--kind", choices=("maintenance", "calibration"), default="maintenance", help="why (maintenance)")
    add.add_argument("--note", default="", metavar="TEXT", help="a few words for the users")
    add.add_argument("--every", type=period, metavar="TIME", help="again after this time, such as 1d; with --times")
    add.add_argument("--times", type=number(1, 100), default=1, metavar="N", help="how many windows (1)")
    add.add_argument("--displace", action="store_true", help="cancel reservations that it overlaps")
    listed = window.command("list", "windows:list_", "when backends are taken: windows and reservations", client=True)
    listed.add_argument("backend", nargs="?", metavar="BACKEND", help="of this backend alone")
    window.command("remove", "windows:remove", "cancel a window, or end it now", "BACKEND", "WINDOW")


def _slot(parser: ArgumentParser) -> None:
    parser.add_argument("--from", dest="starts", type=instant, required=True, metavar="MOMENT", help=_BEGINNING)
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--until", dest="ends", type=instant, metavar="MOMENT", help="its end; this moment is not in it")
    end.add_argument("--for", dest="length", type=period, metavar="TIME", help="its length, such as 30m or 2h")
