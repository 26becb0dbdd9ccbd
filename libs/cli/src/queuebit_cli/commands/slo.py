"""`qb slo`: service levels, their objectives as OpenSLO documents, and their error budgets."""

from __future__ import annotations

from argparse import Namespace
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_slo import alert_rows, budget_rows, definition, gate_rows
from queuebit_cli.render_tables import slo_rows
from queuebit_documents.errors import BadDocuments
from queuebit_gitops.documents import read
from queuebit_gitops.folder import sources_of
from queuebit_kernel import SystemClock
from queuebit_slo import (
    Counts,
    Objective,
    Query,
    budget_by_day,
    counted,
    counts_of,
    group_of,
    history,
    judge,
    objectives_of,
    of_tenant,
    query,
    release,
)
from queuebit_slo import rules as exported
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.home_documents import read_objectives
from queuebit_stack.stack import running_stack
from queuebit_stack.warehouse import analyst_of, records

__all__ = ["budget", "check", "explain", "gate", "levels", "rules"]


def levels(args: Namespace, out: Output) -> Exit:
    """List service levels."""
    rows = ask(args, out, "asking the warehouse", lambda client: client.slo())
    out.rows(rows, none="nothing was measured yet", shown=slo_rows)
    return Exit.DONE


def check(args: Namespace, out: Output) -> Exit:
    """Check documents without putting them in force."""
    if args.path is None:
        found = read_objectives(Home(args.home))
    else:
        try:
            found = objectives_of(read(sources_of("slos", Path(args.path)))["slos"].document)
        except BadDocuments as error:
            raise Stop(Exit.USAGE, str(error)) from error
    out.document([it.name for it in found])
    out.say(f"{_number_of(len(found), 'objective')}, and no problem: {', '.join(it.name for it in found)}")
    return Exit.DONE


def budget(args: Namespace, out: Output) -> Exit:
    """Show the budget of an objective day by day."""
    objective, now = _chosen(args), SystemClock().now()
    days: dict[tuple[str, ...], list[tuple[str, Counts]]] = defaultdict(list)
    for row in _asked(args, out, history(objective, now)):
        days[group_of(objective, row)].append((str(row["day"]), counts_of(row)))
    rows = [
        {**dict(zip(objective.by, group, strict=True)), **day}
        for group, counts in sorted(days.items())
        for day in budget_by_day(objective, counts)
    ]
    out.rows(rows, none=f"{objective.name} had no case within its window", shown=budget_rows)
    return Exit.DONE


def explain(args: Namespace, out: Output) -> Exit:
    """Say what an objective is, and how fast its budget burns now."""
    objective, now = _chosen(args), SystemClock().now()
    asked = query(objective, now, objective.spans)
    verdicts = [it for group, counts in _windows(args, out, objective, now) for it in judge(objective, group, counts)]
    rows = alert_rows(verdicts)
    out.document({**definition(objective), "sql": asked.sql, "parameters": dict(asked.parameters), "alerts": rows})
    for name, value in definition(objective).items():
        out.paragraph(f"{name}: {value}", "  ")
    out.say()
    if rows:
        out.table(rows, fit=True)
    else:
        out.say("its alerts had no case to count")
    if args.sql:
        out.say()
        out.say(asked.sql)
    return Exit.DONE


def gate(args: Namespace, out: Output) -> Exit:
    """Answer a pipeline: exit code 0 if it may ship, 3 if it may not."""
    if not args.release:
        args.misused("say what it is about: --release")
    now = SystemClock().now()
    found = [_named(args, name) for name in args.objective]
    found = found or [it for it in _of(args, read_objectives(Home(args.home))) if it.alerts]
    answers = [
        (objective, group, release(objective, group, counts))
        for objective in found
        for group, counts in _windows(args, out, objective, now)
    ]
    rows = gate_rows(answers)
    refused = [row for row in rows if not row["ship"]]
    out.document({"ship": not refused, "objectives": rows})
    out.table(refused or rows, fit=True)
    verdict = (
        f"do not ship: {_number_of(len(refused), 'budget')} spent or burning too fast"
        if refused
        else "ship: the budgets allow it"
    )
    out.say(verdict)
    return Exit.REFUSED if refused else Exit.DONE


def rules(args: Namespace, out: Output) -> Exit:
    """Write the objectives as rules of Prometheus."""
    text = exported(read_objectives(Home(args.home)))
    if args.output is None:
        out.document({"rules": text})
        out.say(text.rstrip())
        return Exit.DONE
    try:
        Path(args.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(Exit.USAGE, f"{args.output} cannot be written: {error.strerror}; choose another file") from error
    out.document({"file": args.output})
    out.say(f"{args.output}: check it with `promtool check rules {args.output}`")
    return Exit.DONE


def _number_of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _chosen(args: Namespace) -> Objective:
    return _named(args, args.name)


def _named(args: Namespace, name: str) -> Objective:
    known = {it.name: it for it in _of(args, read_objectives(Home(args.home)))}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise Stop(Exit.USAGE, f"there is no objective {name}: {hint}")


def _of(args: Namespace, found: Sequence[Objective]) -> list[Objective]:
    """All objectives, or as they are for one tenant."""
    if args.tenant is None:
        return [*found]
    return [own for it in found if (own := of_tenant(it, args.tenant)) is not None]


def _windows(
    args: Namespace, out: Output, objective: Objective, now: datetime
) -> list[tuple[Mapping[str, str], Mapping[timedelta, Counts]]]:
    return counted(objective, _asked(args, out, query(objective, now, objective.spans)))


def _asked(args: Namespace, out: Output, asked: Query) -> list[dict[str, Any]]:  # columns of any type
    home = Home(args.home)
    with Progress(out.as_json, "asking the warehouse"):
        return records(running_stack(home), analyst_of(home), asked.sql, asked.parameters)
