"""`qb quota` and `qb tenant quota`: how much jobs may use together, and what is used."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from queuebit_cli.commands.tenancy import done, edited
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.render_tables import day_and_time
from queuebit_cli.tables import Row
from queuebit_stack.errors import Exit

__all__ = ["set_quota", "show"]

_LIMITS = ("active_jobs", "shots", "qpu_seconds", "reservations", "reserved_seconds", "window")


def show(args: Namespace, out: Output) -> Exit:
    """What is used and left of each quota."""
    rows = ask(args, out, "asking the broker", lambda client: client.quotas(project=args.project))
    out.rows(rows, none="the tenant has no quota", shown=_rows)
    return Exit.DONE


def set_quota(args: Namespace, out: Output) -> Exit:
    """Set parts of a quota, which then limits the jobs that count against it; or remove it."""
    given = {name: getattr(args, name) for name in _LIMITS if getattr(args, name) is not None}
    if bool(given) == args.remove:
        options = ", ".join(f"--{it.replace('_', '-')}" for it in _LIMITS)
        args.misused(f"say what it limits: any of {options}; or --remove alone")
    edited(args, out, lambda it: it.set_quota(args.tenant, args.what, None if args.remove else given))
    words = f"{args.tenant} has no quota {args.what} any more"
    if given:
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given.items())
        words = f"quota {args.what} of {args.tenant}: {said}"
    return done(args, out, words, tenant=args.tenant, quota=args.what, **given)


def _rows(rows: Sequence[Row]) -> list[Row]:
    return [
        {
            "quota": row["name"],
            "active jobs": _of(row["active_used"], row["active_jobs"]),
            "shots": _of(row["shots_used"], row["shots"]),
            "QPU seconds": _of(row["qpu_seconds_used"], row["qpu_seconds"]),
            "reservations": _of(row["reservations_used"], row["reservations"]),
            "reserved seconds": _of(row["reserved_seconds_used"], row["reserved_seconds"]),
            "window": row["window"],
            "next room": day_and_time(row["next_room_at"])[:-3] if row["next_room_at"] else None,
        }
        for row in rows
    ]


def _of(used: object, most: object) -> str | None:
    return None if most is None else f"{used:,} of {most:,}"
