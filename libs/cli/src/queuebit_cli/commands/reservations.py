"""`qb reserve`: books, lists and cancels time slots of backends."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from queuebit_cli import ids
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.render_tables import day_and_time
from queuebit_cli.tables import Row
from queuebit_kernel import new_key
from queuebit_stack.errors import Exit

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.records import Row as Answer

__all__ = ["book", "cancel", "full_id", "list_", "show"]

_ASKING = "asking the broker"
_NONE = "there is no reservation {} that is ahead, or ended today: see `qb reserve list`"


def book(args: Namespace, out: Output) -> Exit:
    """Book a slot and print its id; with `--dry-run`, only what it would cost."""
    row = ask(args, out, _ASKING, lambda client: _booked(client, args))
    out.document(row)
    if not args.dry_run:
        out.say(str(row["reservation"]))
    write = out.say if args.dry_run else out.aside
    cost = f"holds {row['hold']} {row['currency']}" if row["hold"] else "is free"
    write(
        f"{row['backend']} {'would be' if args.dry_run else 'is'} reserved from {day_and_time(row['starts_at'])} to "
        f"{day_and_time(row['ends_at'])}; it {cost}; jobs of {_holder(row)} use it"
    )
    return Exit.DONE


def list_(args: Namespace, out: Output) -> Exit:
    """Reservations that are ahead, or ended within a day."""
    rows = ask(args, out, _ASKING, lambda client: client.reservations(limit=args.limit))
    out.rows(rows, none="nothing is reserved: `qb reserve book` books a slot", shown=_shown)
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """One reservation, and what became of its time."""

    async def found(client: AsyncClient) -> Sequence[Answer]:
        return await client.reservations(reservation=await full_id(client, args.reservation))

    rows = ask(args, out, _ASKING, found)
    if not rows:
        from queuebit.errors import NotFound

        raise NotFound(_NONE.format(args.reservation))
    (row,) = rows
    out.document(row)
    for name, value in _described(row):
        out.say(f"{name:<11} {value}")
    return Exit.DONE


def cancel(args: Namespace, out: Output) -> Exit:
    """Cancel a reservation, or give the rest of its slot back."""
    from queuebit.reservation_requests import cancelling

    async def cancelled(client: AsyncClient) -> Answer:
        name = await full_id(client, args.reservation)
        return await client._access.cancel_reservation(cancelling(client.credential, name))

    row = ask(args, out, _ASKING, cancelled)
    out.document(row)
    what = {
        "cancelled": "is cancelled, and nothing is charged",
        "started": "ends now: what is left of its time is not charged",
    }.get(str(row["state"]), f"has {row['state']} before ({row['reason']})")
    out.say(f"reservation {row['reservation']} {what}")
    return Exit.DONE


async def full_id(client: AsyncClient, words: str) -> str:
    """The id of a reservation of which a prefix is given, or the newest for `latest`."""
    return await ids.full_id(words, lambda: client.reservations(limit=ids.MOST), "reservation", _NONE.format(words))


async def _booked(client: AsyncClient, args: Namespace) -> Answer:
    from queuebit.reservation_requests import booking

    now = datetime.now(UTC)
    request = booking(
        client.credential,
        key=args.key or new_key(),
        backend=args.backend,
        starts_at=args.starts(now),
        ends_at=args.ends(now) if args.ends else None,
        length=args.length,
        project=args.project,
        users=args.only or None,
        label=args.name or "",
        max_idle=args.max_idle,
        dry_run=args.dry_run,
    )
    return await client._access.book_reservation(request)


def _shown(rows: Sequence[Row]) -> list[Row]:
    return [
        {
            "reservation": row["reservation"],
            "label": row["label"],
            "backend": row["backend"],
            "project": row["project"],
            "from": day_and_time(row["starts_at"]),
            "to": day_and_time(row["ends_at"]),
            "state": _state(row),
            "hold": _money(row, "hold"),
        }
        for row in rows
    ]


def _described(row: Row) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = [
        ("reservation", f"{row['reservation']} {row['label']}".strip()),
        ("state", _state(row)),
        ("backend", row["backend"]),
        ("from", day_and_time(row["starts_at"])),
        ("to", day_and_time(row["ends_at"])),
        ("for", f"jobs of {_holder(row)}"),
        ("price", f"{_money(row, 'unit_price')} a second; held: {_money(row, 'hold') or 'nothing'}"),
    ]
    if row["used_s"] is not None:
        found.append(("used", f"{row['used_s']} s, and {row['idle_s']} s without a job"))
        found.append(("not charged", f"{row['unavailable_s']} s in which the backend could not be used"))
    return found


def _holder(row: Row) -> str:
    users = row["users"]
    return f"project {row['project']}" + (f" by {', '.join(map(str, users))}" if isinstance(users, list) else "")


def _state(row: Row) -> str:
    return f"{row['state']} ({row['reason']})" if row["reason"] else str(row["state"])


def _money(row: Row, name: str) -> str | None:
    return None if row[name] is None else f"{row[name]} {row['currency']}"
