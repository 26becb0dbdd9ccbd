"""`qb charges --by …`: exact sums of charges from the views of the warehouse."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from queuebit.credentials import find
from queuebit.text import csv_text
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack, running_stack
from queuebit_stack.warehouse import Login, analyst_of, member, records

__all__ = ["FIELDS", "charge_sums", "sums_query"]

FIELDS: Final[Mapping[str, str]] = {
    "tenant": "tenant",
    "day": "toString(day)",
    "month": "formatDateTime(day, '%Y-%m')",
    "project": "project",
    "user": "user",
    "backend": "backend",
    "tag": "tag",
    "class": "workload_class",
    "session": "session",
    "label": "label",
    "circuit": "circuit",
    "kind": "kind",
    "price": "price",
    "component": "component",
}
"""What charges can be summed by, and its expression over the views."""

_CLASSES: Final = (
    "WITH arraySort(groupUniqArrayIf((seq, JSONExtractString(data, 'workload_class')), "
    "type = 'qb.job.submitted.v1')) AS submissions, minOrNullIf(seq, type = 'qb.job.accepted.v1') AS accepted "
    "SELECT tenant, job, if(accepted IS NULL, submissions[1], "
    "arrayLast(it -> it.1 < accepted, submissions)).2 AS workload_class "
    "FROM events WHERE type IN ('qb.job.submitted.v1', 'qb.job.accepted.v1') GROUP BY tenant, job"
)
"""The workload class of each job; of several submissions, that counts which was accepted, as in the view `origins`."""


def charge_sums(args: Namespace, out: Output) -> Exit:
    """Sums of charges by any of the fields, of one tenant or of all."""
    if args.url:
        args.misused("--by asks the warehouse of the stack in the home: leave --url out")
    if unknown := [it for it in args.by if it not in FIELDS]:
        args.misused(f"charges are not summed by {unknown[0]!r}: use {', '.join(FIELDS)}")
    home = Home(args.home)
    stack = running_stack(home)
    login, tenant = _login(args, home, stack)
    values = {"tenant": tenant, "project": args.project or "", "since": _time(args.since), "until": _time(args.until)}
    with Progress(out.as_json or args.csv, "asking the warehouse"):
        rows = records(stack, login, sums_query(args.by), values)
    if args.csv:
        print(_csv(rows, args.by), end="")
    else:
        out.rows(rows, none="no charges in this period")
    return Exit.DONE


def sums_query(by: Sequence[str]) -> str:
    """The query of the sums, with the parameters `tenant` (empty for all), `project`, `since` and `until`.

    Tags share a charge exactly, so that the sums of all tags are all charges.
    """
    keys = ", ".join(f"{FIELDS[it]} AS {it}_" for it in by)
    named = ", ".join(f"{it}_ AS {it}" for it in by)
    source, billed = ("allocation", "quantity") if "tag" in by else ("charges", "billed")
    billable = "category != 'overhead' AND " if source == "allocation" else ""
    if "class" in by:
        source = f"{source} LEFT ANY JOIN ({_CLASSES}) AS asked ON asked.tenant = {source}.tenant AND asked.job = id"
    quantity = f"unit, sum({billed}) AS billed, " if "component" in by else ""
    outer = "unit, billed, " if quantity else ""
    return (
        f"SELECT {named}, {outer}currency, jobs, amount FROM ("  # noqa: S608  # the names are ours
        f"SELECT {keys}, {quantity}currency, uniqExactIf(id, kind IN ('job', 'correction')) AS jobs, "
        f"sum(amount) AS amount FROM {source} WHERE {billable}"
        "({tenant:String} = '' OR tenant = {tenant:String}) AND ({project:String} = '' OR project = {project:String}) "
        "AND ({since:Float64} = 0 OR event_time >= toDateTime64({since:Float64}, 6, 'UTC')) "
        "AND ({until:Float64} = 0 OR event_time < toDateTime64({until:Float64}, 6, 'UTC')) "
        "GROUP BY ALL) ORDER BY ALL"
    )


def _login(args: Namespace, home: Home, stack: Stack) -> tuple[Login, str]:
    """A tenant's own user, where the engine shows only its rows; or the analyst, for all tenants."""
    if args.all_tenants:
        return analyst_of(home), ""
    credential = find(home.root, args.tenant, args.user)
    login = analyst_of(home) if stack.in_containers else member(credential)
    return login, credential.tenant


def _time(moment: datetime | None) -> str:
    return "0" if moment is None else f"{moment.timestamp():f}"


def _csv(rows: Sequence[Mapping[str, Any]], by: Sequence[str]) -> str:
    text = io.StringIO()
    quantity = ("unit", "billed") if "component" in by else ()
    writer = csv.DictWriter(text, (*by, *quantity, "currency", "jobs", "amount"), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: csv_text(it) if name == "label" else it for name, it in row.items()} for row in rows)
    return text.getvalue()
