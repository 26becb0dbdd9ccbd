"""`qb session`: opens, lists and closes sessions."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from queuebit_cli import ids
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.render_tables import end_time
from queuebit_cli.tables import Row
from queuebit_kernel import new_key
from queuebit_stack.errors import Exit

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.records import Row as Answer

__all__ = ["close", "full_id", "list_", "open_", "show"]

_ASKING = "asking the broker"


async def full_id(client: AsyncClient, words: str) -> str:
    """The id of a session by itself, by a prefix that only it has, or by `latest`.

    Raises:
        NotFound: none that is open, or closed within a day, is meant; or several are.
    """
    unknown = f"there is no session {words} that is open, or closed today: see `qb session list`"
    return await ids.full_id(words, lambda: client.sessions(limit=ids.MOST), "session", unknown)


def open_(args: Namespace, out: Output) -> Exit:
    """Open a session and print its id; with `--dry-run`, only how it would open."""
    row = ask(args, out, _ASKING, lambda client: _opened(client, args))
    out.document(row)
    price = f"{row['idle_price']} {row['currency']} a second" if row["idle_price"] else "free"
    hold = f"holds {row['cap']} {row['currency']}" if row["cap"] else "holds nothing"
    where = f"its jobs run first on {row['backend']}" if row["backend"] else "without a backend: no priority"
    if not args.dry_run:
        out.say(str(row["session"]))
    tell = out.say if args.dry_run else out.aside
    tell(
        f"{'would be open' if args.dry_run else 'open'} until {end_time(row['expires_at'])}, or {row['max_idle_s']} s "
        f"without a job; {hold}; idle time is {price}; {where}"
    )
    if not args.dry_run:
        out.aside(f"`qb submit --session {row['session']} FILE` submits to it")
    return Exit.DONE


def list_(args: Namespace, out: Output) -> Exit:
    """Sessions that are open, or closed within a day."""
    rows = ask(args, out, _ASKING, lambda client: client.sessions(limit=args.limit))
    out.rows(rows, none="no session is open, or closed today: `qb session open` opens one", shown=_shown)
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """One session: what it costs so far, and what is left."""

    async def found(client: AsyncClient) -> Sequence[Answer]:
        return await client.sessions(session=await full_id(client, args.session))

    rows = ask(args, out, _ASKING, found)
    if not rows:
        from queuebit.errors import NotFound

        raise NotFound(f"there is no session {args.session} that is open, or closed today: see `qb session list`")
    (row,) = rows
    out.document(row)
    for name, value in _described(row):
        out.say(f"{name:<8} {value}")
    return Exit.DONE


def close(args: Namespace, out: Output) -> Exit:
    """Close a session; its jobs continue."""
    from queuebit.session_requests import closing

    async def closed(client: AsyncClient) -> Answer:
        session = await full_id(client, args.session)
        return await client._access.close_session(closing(client.credential, session))

    row = ask(args, out, _ASKING, closed)
    out.document(row)
    out.say(f"session {row['session']} is closed ({row['reason']}); jobs that were accepted continue")
    return Exit.DONE


async def _opened(client: AsyncClient, args: Namespace) -> Answer:
    from queuebit.session_requests import opening

    request = opening(
        client.credential,
        key=args.key or new_key(),
        project=args.project,
        label=args.name or "",
        backend=args.backend,
        max_cost=args.max_cost,
        max_idle=args.max_idle,
        max_age=args.max_age,
        dry_run=args.dry_run,
    )
    return await client._access.open_session(request)


def _shown(rows: Sequence[Row]) -> list[Row]:
    return [
        {
            "session": row["session"],
            "label": row["label"],
            "user": row["user"],
            "backend": row["backend"],
            "state": _state(row),
            "cap": _money(row, "cap"),
            "charged": _money(row, "charged"),
            "held": _money(row, "held"),
            "left": _money(row, "left"),
            "jobs": row["jobs"],
            "idle": f"{row['idle_s']} s",
            "until": end_time(row["closed_at"] or row["expires_at"]),
        }
        for row in rows
    ]


def _described(row: Row) -> list[tuple[str, object]]:
    idle = f"{row['idle_s']} s"
    if row.get("wall_s") is not None:
        idle += f"; open for {row['wall_s']} s"
    if row["idle_price"]:
        idle += f" at {_money(row, 'idle_price')} a second: {_money(row, 'idle_cost') or 'nothing'}"
    found = [
        ("session", f"{row['session']} {row['label']}".strip()),
        (
            "state",
            f"{_state(row)} {'at' if row['reason'] else 'until'} {end_time(row['closed_at'] or row['expires_at'])}",
        ),
        ("user", f"{row['user']}, project {row['project']}"),
        ("backend", f"{row['backend']}, where its jobs run first" if row["backend"] else "any, without priority"),
        ("cap", _money(row, "cap") or "none"),
        ("charged", _money(row, "charged")),
        ("held", f"{_money(row, 'held')} for its jobs"),
        ("left", _money(row, "left")),
        ("jobs", f"{row['jobs']}, of which {row['active']} wait or run"),
        ("idle", idle),
    ]
    return [(name, value) for name, value in found if value is not None]


def _state(row: Row) -> str:
    return f"closed ({row['reason']})" if row["reason"] else str(row["state"])


def _money(row: Row, name: str) -> str | None:
    return None if row[name] is None else f"{row[name]} {row['currency']}"
