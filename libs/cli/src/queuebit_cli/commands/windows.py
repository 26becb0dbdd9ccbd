"""`qb backend window`: times in which no job runs on a backend."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_tables import day_and_time
from queuebit_cli.tables import Row
from queuebit_contracts.calendar import PlannedWindow, WindowsAnswer, WindowsRequest
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home

__all__ = ["add", "list_", "remove"]

_ASKING = "asking the broker"


def add(args: Namespace, out: Output) -> Exit:
    """Plan a window, or several at a fixed distance."""
    now = datetime.now(UTC)
    starts_at = args.starts(now)
    length = args.length if args.length is not None else args.ends(now) - starts_at
    every: timedelta = args.every or timedelta()
    if args.times > 1 and not every:
        args.misused("--times needs --every")
    planned = tuple(
        PlannedWindow(
            backend=args.backend,
            window=_name(args.kind, starts_at + number * every),
            kind=args.kind,
            starts_at=starts_at + number * every,
            ends_at=starts_at + number * every + length,
            note=args.note,
        )
        for number in range(args.times)
    )
    answer = _asked(args, out, WindowsRequest(backend=args.backend, planned=planned, displace=args.displace))
    out.document(answer.model_dump(mode="json"))
    for it in planned:
        out.say(f"{it.window}: {it.kind} of {it.backend} from {_at(it.starts_at)} to {_at(it.ends_at)}")
    for name in answer.displaced:
        out.say(f"reservation {name} is displaced: it costs its time until now if it had begun, and nothing otherwise")
    return Exit.DONE


def remove(args: Namespace, out: Output) -> Exit:
    """Cancel a window; one that has begun ends now."""
    answer = _asked(args, out, WindowsRequest(backend=args.backend, cancelled=args.window))
    out.document(answer.model_dump(mode="json"))
    out.say(f"window {args.window} of {args.backend} is cancelled: jobs are placed there again")
    return Exit.DONE


def list_(args: Namespace, out: Output) -> Exit:
    """When backends are taken from now on, by windows and by reservations."""
    rows = ask(args, out, _ASKING, lambda client: client.windows(backend=args.backend))
    out.rows(rows, none="no window is planned, and nothing is reserved", shown=_shown)
    return Exit.DONE


def _asked(args: Namespace, out: Output, request: WindowsRequest) -> WindowsAnswer:
    from queuebit_stack.windows import ask_windows

    home = Home(args.home)
    home.require()
    with Progress(out.as_json, _ASKING):
        return ask_windows(home, request)


def _name(kind: str, starts_at: datetime) -> str:
    """The id of a window among those of its backend; a command that is repeated gives the same."""
    return f"{kind}-{starts_at.astimezone(UTC):%Y%m%dt%H%M%Sz}"


def _shown(rows: Sequence[Row]) -> list[Row]:
    ruled = any(row.get("rule") for row in rows)
    return [
        {
            "backend": row["backend"],
            "kind": row["kind"],
            "window": row["window"],
            "from": day_and_time(row["starts_at"]),
            "to": day_and_time(row["ends_at"]),
            **({"planned by": row.get("by"), "rule": row.get("rule")} if ruled else {}),
        }
        for row in rows
    ]


def _at(moment: datetime) -> str:
    return day_and_time(moment.isoformat())
