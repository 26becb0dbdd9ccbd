"""Three teams share five backends for half a minute: `python -m examples.demo`, or `make demo`.

Starts a separate stack on free ports in a temporary folder, and stops it at the end. All parts are real: message bus,
warehouse, circuits, calibrations of the emulated devices, charges and receipts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

from examples.demo.circuits import FILES, TEAMS, Task, tasks
from examples.demo.show import Board, Sight, console, step, table

from queuebit import AsyncClient, Client, JobFailed, Refused, Result, StillRunning, Sweep, UnknownEvent
from queuebit.credentials import find
from queuebit_cli.output import Output
from queuebit_cli.render_explanations import explanation_lines
from queuebit_cli.render_tables import took
from queuebit_secrets import VARIABLES, make_master_key

Done = tuple[Task, Result]
Row = dict[str, str]

_BUDGET = "100"
_BILL = ("tenant", "share>", "jobs>", "charged>", "budget")
_QUALITY = ("backend", "circuits>", "mean>", "worst>", "of")
_ASKED = 4
"""Jobs of each team whose placement is looked at."""

_KEY = "master.key"
"""The master key, beside the home of the demo: it is removed with what it encrypts."""

_SWEEPER = next(iter(TEAMS))
_OBSERVABLE = "XX"
_INTERRUPTED = 130
_TIMEOUT_S = 60
_NEXT = """
[bold]Your turn[/]

  . .venv/bin/activate
  qb up --detach                                    a stack of your own
  qb plan examples/circuits/bell.qasm               cost and fidelity before
  qb submit examples/circuits/bell.qasm --wait      counts, charge, receipt
  qb receipt verify latest                          anybody can, offline
  qb report month                                   what it cost, with charts
"""


def qb(home: Path, *words: str, accept: Sequence[int] = (0,)) -> str:
    """Run `qb` on the home of the demo and return its output; exit if it fails."""
    command = [sys.executable, "-m", "queuebit_cli", *words, "--home", str(home)]
    others = {name: it for name, it in os.environ.items() if name not in VARIABLES}
    own = others | {VARIABLES[0]: str(home.with_name(_KEY))}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=own)
    if ended.returncode not in accept:
        raise SystemExit(f"`qb {' '.join(words)}` failed, logs are in {home}/logs:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def ask(home: Path, *words: str) -> list[Row]:
    """Return the rows of a query of `qb`, with all values as text."""
    rows = json.loads(qb(home, *words, "--json"))
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


async def run(home: Path, plan: Sequence[Task]) -> tuple[list[Done], int]:
    """Submit all jobs, show their progress, and return the results and the number of verified receipts."""
    clients = {team: AsyncClient(find(home, team)) for team in TEAMS}
    trust = home / "trust.json"
    with Board(list(TEAMS), len(plan)) as board:

        async def watch(team: str) -> None:
            async for logged in clients[team].events():
                data = None if isinstance(logged.event, UnknownEvent) else logged.event.data
                board.saw(logged.job, Sight(team, logged.name, getattr(data, "backend", None) or ""))

        async def one(task: Task) -> tuple[Result | None, bool]:
            job = await clients[task.team].submit(
                task.source, shots=task.shots, backend=task.backend, purpose="demo", label=task.label
            )
            try:
                result = await job.result(_TIMEOUT_S)
                receipt = await job.receipt(_TIMEOUT_S)
            except (Refused, JobFailed, StillRunning) as error:
                console.print(f"[red]{task.label} on {task.backend or 'any simulator'}: {error}[/]")
                return None, False
            return result, bool(receipt.verify(trust, result=result))

        async with asyncio.TaskGroup() as group:
            watching = [group.create_task(watch(team)) for team in TEAMS]
            outcomes = await asyncio.gather(*(one(task) for task in plan))
            for watcher in watching:
                watcher.cancel()
    for client in clients.values():
        await client.close()
    done = [(task, result) for task, (result, _) in zip(plan, outcomes, strict=True) if result is not None]
    return done, sum(verified for _, verified in outcomes)


def fidelities(done: Sequence[Done]) -> dict[str, list[tuple[float, str]]]:
    """Hellinger fidelity of each result to the exact distribution, by backend.

    Skips circuits with more outcomes in the exact distribution than a twentieth of the shots: there, shot noise is the
    larger error.
    """
    from queuebit_quantum import DoesNotFit, hellinger_fidelity, ideal_distribution, parse

    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for task, result in done:
        try:
            ideal = ideal_distribution(parse(task.source))
        except DoesNotFit:
            continue
        if len(ideal) * 20 <= result.shots:
            found[result.backend].append((hellinger_fidelity(result.counts, ideal), task.label))
    return found


def sweep(home: Path) -> bool:
    """Run one circuit with several angles and estimate an observable for each; return whether every item has a value.

    The state is cos(theta/2) |00> + sin(theta/2) |11>, so the exact value of XX is sin(theta).
    """
    angles = [0.0, 0.5, 1.0, 1.5]
    with (
        step("one more job: a circuit with four angles, and an observable of each …"),
        Client(find(home, _SWEEPER)) as it,
    ):
        job = it.submit(
            Sweep(FILES.parent / "sweep/rotation.qasm", {"theta": angles}, observables=[_OBSERVABLE]), shots=2000
        )
        items = job.result(_TIMEOUT_S).items
    rows = []
    for theta, item in zip(angles, items, strict=True):
        for found in item.expectations or ():
            error = f"± {found.stderr or 0:.3f}"
            rows.append(
                (f"{theta:.1f}", f"{found.value:.3f}", error, f"{math.sin(theta):.3f}", "█" * round(24 * found.value))
            )
    console.print()
    table("What an entangled pair shows as its angle grows", ("theta>", f"{_OBSERVABLE}>", "", "exact>", ""), rows)
    return len(rows) == len(angles)


def explain(home: Path, done: Sequence[Done]) -> None:
    """Print why a job was placed where it was: of a few jobs the one that competed with the most teams."""
    rows: list[tuple[str, dict[str, Any]]] = []  # JSON, as the scheduler answers
    with step("asking the scheduler why it placed a job where it did …"):
        for team in TEAMS:
            own = [result.job for task, result in done if task.team == team]
            with Client(find(home, team)) as client:
                rows += [(team, client.explain(job)[-1]) for job in own[-_ASKED:]]
        team, row = max(rows, key=lambda it: (len(it[1]["tenants"]), it[1]["waited_ms"]))
        whole = json.loads(qb(home, "job", "explain", row["job"], "--tenant", team, "--all-tenants", "--json"))[-1]
    console.print()
    for line in takewhile(bool, explanation_lines(whole, Output(as_json=False))):
        console.print(line, markup=False)
    console.print()
    figures = ("usage_us", "cost_us", "rank_us")
    turns = [
        (it["tenant"], str(it.get("share", "")), *(str(took(it.get(name, 0) / 1000)) for name in figures))
        for it in whole["tenants"]
    ]
    table("Whose turn it was", ("tenant", "share>", "usage>", "cost>", "(usage + cost) / share>"), turns)


def tell(home: Path, done: Sequence[Done]) -> None:
    """Print the bills, the quality and the service levels."""
    console.print()
    bills = []
    for team, share in TEAMS.items():
        (bill,) = ask(home, "charges", "--tenant", team)
        charged = f"{Decimal(bill['amount']):.6f} {bill['currency']}"
        bills.append((team, str(share), bill["jobs"], charged, f"of {_BUDGET}"))
    table("What each team paid", _BILL, bills)
    quality = []
    for backend, values in sorted(fidelities(done).items()):
        worst, label = min(values)
        mean = sum(value for value, _ in values) / len(values)
        quality.append((backend, str(len(values)), f"{mean:.4f}", f"{worst:.4f}", label))
    table("How close to the exact distribution (Hellinger fidelity)", _QUALITY, quality)
    bill_month(home)
    keep_promises(home)


def keep_promises(home: Path) -> None:
    """Print the service levels that had cases, with what is left of each error budget, and the alerts that fire."""
    levels = [ask(home, "slo", "--tenant", team) for team in TEAMS]
    kept = [
        (of_teams[0]["promise"], _percent(of_teams[0]["target"]), *map(_level, of_teams))
        for of_teams in zip(*levels, strict=True)
        if any(row["actual"] for row in of_teams)
    ]
    title = "Service levels of each team, and the error budget that is left (·: nothing to count yet)"
    table(title, ("promise", "target>", *(f"{team}>" for team in TEAMS)), kept)
    alerts = json.loads(qb(home, "alerts", "list", "--json"))
    for alert in alerts:
        console.print(f"  [red]alert[/] {alert['annotations'].get('summary', '')}")
    if not alerts:
        console.print("  alerts: none fires; a budget that burns too fast would be one [dim](qb alerts list)[/]")


def bill_month(home: Path) -> None:
    """Print what the invoices of this month would say now; nothing is issued before the month is over."""
    period = f"{datetime.now(UTC):%Y-%m}"
    drafts = json.loads(qb(home, "invoice", "run", "--period", period, "--dry-run", "--json"))
    rows = [
        (it["tenant"], str(it["facts"]), str(len(it["lines"])), f"{Decimal(total['total']):.6f} {total['currency']}")
        for it in drafts
        for total in it["totals"]
    ]
    title = f"Invoices of {period} so far: each line has the number and the hash of the usage facts behind it"
    table(title, ("team", "usage facts>", "lines>", "total>"), rows)


def prove(home: Path, verified: int, total: int) -> bool:
    """Print receipts and invariants; return whether every invariant holds."""
    with step("looking everything over: every job, cent, subject, receipt and row …"):
        verdicts = json.loads(qb(home, "verify", "--json", accept=(0, 1)))
    rows = [
        (
            it["invariant"],
            it["promise"],
            f"{it['checked']} {it['of']}",
            "[green]holds[/]" if it["holds"] else "[red]NO[/]",
        )
        for it in verdicts
    ]
    console.print()
    table("Invariants", ("", "promise", "checked", ""), rows)
    console.print(
        f"  [bold]receipts verified {verified} of {total}[/]: signatures, result and place in the log, offline\n"
    )
    return all(it["holds"] for it in verdicts)


def _level(row: Row) -> str:
    if not row["actual"]:
        return "·"
    left = float(row["budget_remaining"])
    colour = "red" if left < 0 else "green"
    return f"{_percent(row['actual'])}, [{colour}]{100 * left:.0f}% left[/]"


def _percent(share: str) -> str:
    return f"{100 * float(share):.4g}%" if share else "·"


def show(home: Path) -> bool:
    """Run the demo on a stack in this home; return whether all checks passed."""
    with step("starting nats-server, the warehouse and all services …"):
        qb(home, "up", "--detach", "--ports", "auto")
    with step(f"three tenants: {', '.join(TEAMS)}, shares 3 : 2 : 1, {_BUDGET} USD each …"):
        for team, share in TEAMS.items():
            qb(home, "tenant", "add", team, "--share", str(share), "--budget", _BUDGET)
    with step("drawing circuits from MQT Bench and from files …"):
        plan = tasks()
    began = time.monotonic()
    console.print(f"  {len(plan)} jobs, all at once, with a receipt each …")
    done, verified = asyncio.run(run(home, plan))
    console.print(f"  {len(done)} of {len(plan)} jobs have a result [dim]{time.monotonic() - began:.1f} s[/]")
    explain(home, done)
    swept = sweep(home)
    tell(home, done)
    return prove(home, verified, len(plan)) and swept and len(done) == verified == len(plan)


def main() -> int:
    """Run the demo; return 0 if every job completed, every receipt was verified and every invariant holds."""
    logging.getLogger("queuebit").setLevel(logging.ERROR)  # the board shows what jobs wait for
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="queuebit-demo-"))
    home = folder / "home"
    make_master_key(home.with_name(_KEY))
    console.print("\n[bold]Queuebit[/]: three teams, one shared quantum cloud\n")
    try:
        held: bool | None = show(home)
    except KeyboardInterrupt:
        console.print("\n  interrupted")
        held = None
    finally:
        with step("stopping …"):
            qb(home, "down")
    if held is False:
        console.print(f"  [red]not everything held[/]; logs are in {home}/logs")
        return 1
    shutil.rmtree(folder)
    if held is None:
        return _INTERRUPTED
    console.print(f"  all of it took {time.monotonic() - began:.0f} s; nothing is left behind")
    console.print(_NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
