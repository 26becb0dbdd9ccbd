"""Three teams share five backends for about a minute: `python -m examples.demo`, or `make demo`.

Starts a stack of its own, on free ports and in a folder of its own, and ends exactly that. Everything is real: the
bus, the warehouse, the circuits, the calibrations behind the emulated devices, the bills and the receipts.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from examples.demo.circuits import TEAMS, Task, tasks
from examples.demo.show import Board, console, table

from queuebit import AsyncClient, JobFailed, Refused, Result
from queuebit.credentials import find

Done = tuple[Task, Result]


def qb(home: Path, *words: str) -> str:
    """Run `qb` on the demo's own home and return what it printed."""
    command = [sys.executable, "-m", "queuebit_cli", *words, "--home", str(home)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"`qb {' '.join(words)}` failed:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


async def run(home: Path, plan: Sequence[Task]) -> tuple[list[Done], int]:
    """Submit everything at once, watch it, and return the results and how many receipts verified."""
    clients = {team: AsyncClient(find(home, team)) for team in TEAMS}
    trust = home / "trust.json"
    with Board(list(TEAMS), len(plan)) as board:

        async def watch(team: str) -> None:
            async for happened in clients[team].events():
                where = getattr(happened.event.data, "backend", None)
                state = happened.event.type.split(".")[2]
                board.saw(team, happened.job, state, f"{team}: {state}" + (f" on {where}" if where else ""))

        async def one(task: Task) -> tuple[Result | None, bool]:
            job = await clients[task.team].submit(
                task.source, shots=task.shots, backend=task.backend, purpose="demo", label=task.label
            )
            try:
                result = await job.result(120)
            except (Refused, JobFailed) as error:
                console.print(f"[red]{task.label} on {task.backend or 'any backend'}: {error}[/]")
                return None, False
            receipt = await job.receipt(60)
            return result, bool(receipt.verify(trust, result=result))

        watching = [asyncio.ensure_future(watch(team)) for team in TEAMS]
        await asyncio.sleep(0)
        outcomes = await asyncio.gather(*(one(task) for task in plan))
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    for client in clients.values():
        await client.close()
    done = [(task, result) for task, (result, _) in zip(plan, outcomes, strict=True) if result is not None]
    return done, sum(verified for _, verified in outcomes)


def fidelities(done: Sequence[Done]) -> dict[str, list[tuple[float, str]]]:
    """Hellinger fidelity of each result to the exact distribution, by backend.

    Circuits whose exact distribution has more than a twentieth as many outcomes as there were shots are left out:
    there, the shots themselves are the larger error.
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


def tell(home: Path, done: Sequence[Done]) -> None:
    """Print the bills, the quality and the service levels."""
    rows = []
    for team, share in TEAMS.items():
        for line in json.loads(qb(home, "charges", "--tenant", team, "--json")):
            amount = Decimal(str(line["amount"]))
            rows.append((team, str(share), str(line["jobs"]), f"{amount:f}", str(line["currency"]), str(line["jbu"])))
    table("What it cost", ("tenant", "share>", "jobs>", "charged>", "", "JBU>"), rows)
    quality = []
    for backend, values in sorted(fidelities(done).items()):
        worst, label = min(values)
        mean = sum(value for value, _ in values) / len(values)
        quality.append((backend, str(len(values)), f"{mean:.4f}", f"{worst:.4f}", label))
    table(
        "How close to the ideal distribution (Hellinger fidelity)",
        ("backend", "circuits>", "mean>", "worst>", "of"),
        quality,
    )
    console.print(qb(home, "slo"))


def main() -> int:
    """Run the demo; 0 when every job completed, every receipt verified and every invariant held."""
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="queuebit-demo-"))
    console.print("[bold]Queuebit[/]: three teams, one shared quantum cloud")
    try:
        console.print("  starting nats-server, the warehouse and eight services …")
        qb(home, "up", "--detach", "--ports", "auto")
        for team, share in TEAMS.items():
            qb(home, "tenant", "add", team, "--share", str(share), "--budget", "100")
        plan = tasks()
        console.print(
            f"  {len(plan)} circuits from MQT Bench and from files, for {', '.join(TEAMS)} (shares 3 : 2 : 1)"
        )
        done, verified = asyncio.run(run(home, plan))
        tell(home, done)
        console.print(f"receipts verified {verified} of {len(plan)}")
        console.print(qb(home, "verify"))
    finally:
        qb(home, "down")
    if len(done) != len(plan) or verified != len(plan):
        console.print(f"[red]something did not hold; logs are in {home}/logs[/]")
        return 1
    shutil.rmtree(home)
    console.print(f"everything stopped; {time.monotonic() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
