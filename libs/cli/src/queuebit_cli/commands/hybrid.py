"""`qb hybrid …`: Python files that the platform runs beside its backends."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queuebit.text import visible
from queuebit_cli import ids
from queuebit_cli.connecting import ask, client_of
from queuebit_cli.output import Output
from queuebit_cli.render_tables import hybrid_rows
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.hybrid_jobs import AsyncHybridJob, HybridStatus

__all__ = ["cancel", "full_id", "list_hybrids", "logs", "metrics", "result", "run", "show"]

_EXITS = {"rejected": Exit.REFUSED, "failed": Exit.JOB_FAILED, "cancelled": Exit.JOB_FAILED}


async def full_id(client: AsyncClient, words: str) -> str:
    """The id of a hybrid job by itself, by a prefix that only it has, or by `latest`.

    Raises:
        NotFound: none of the newest is meant, or several are.
    """
    unknown = f"there is no hybrid job {words} among the newest: see `qb hybrid list`"
    return await ids.full_id(words, lambda: client.hybrid_jobs(limit=ids.MOST), "hybrid", unknown)


def run(args: Namespace, out: Output) -> Exit:
    """Submit a file; with `--follow`, show what it writes, and how it ends."""
    from queuebit.amounts import money_of

    parameters = dict(map(_parameter, args.param))
    max_cost = None if args.max_cost is None else money_of(args.max_cost, "--max-cost")

    async def work() -> Exit:
        async with client_of(args) as client:
            job = await client.run_hybrid(
                Path(args.file),
                parameters,
                max_time=args.max_time,
                max_cost=max_cost,
                project=args.project,
                purpose=args.purpose,
                label=args.label,
                key=args.key,
                retries=args.retries,
                tags=args.tag,
            )
            out.document({"hybrid": job.id})
            if not args.follow:
                out.say(f"{job.id} is submitted; next: qb hybrid logs {job.id} --follow")
                return Exit.DONE
            out.say(job.id)
            await _print_logs(job, out, follow=True)
            return await _end(job, out)

    return asyncio.run(work())


def list_hybrids(args: Namespace, out: Output) -> Exit:
    """The newest hybrid jobs."""
    rows = ask(
        args, out, "asking the hybrid service", lambda it: it.hybrid_jobs(project=args.project, limit=args.limit)
    )
    out.rows(rows, none="no hybrid jobs yet: qb hybrid run FILE.py --follow", shown=hybrid_rows)
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """How it stands."""
    _print(_asked(args, out, lambda job: job.status()), out)
    return Exit.DONE


def logs(args: Namespace, out: Output) -> Exit:
    """What it writes."""
    return _streamed(args, out, lambda job: _print_logs(job, out, follow=args.follow))


def metrics(args: Namespace, out: Output) -> Exit:
    """The numbers that it records."""

    async def each(job: AsyncHybridJob) -> None:
        async for it in job.metrics(follow=args.follow):
            out.document(asdict(it))
            step = "" if it.step is None else f"  step {it.step}"
            out.say(f"{it.name} = {it.value:g}{step}")

    return _streamed(args, out, each)


def result(args: Namespace, out: Output) -> Exit:
    """What it saved."""
    if args.output:
        require_place(Path(args.output))
    found = _asked(args, out, lambda job: job.result(args.timeout))
    if args.output:
        Path(args.output).write_text(json.dumps(found) + "\n")
    out.document(found)
    if not args.output:
        out.say(json.dumps(found, indent=2))
    return Exit.DONE


def cancel(args: Namespace, out: Output) -> Exit:
    """Stop it."""
    status = _asked(args, out, lambda job: job.cancel(args.reason))
    _print(status, out)
    return Exit.DONE if status.state == "cancelled" else Exit.JOB_FAILED


async def _print_logs(job: AsyncHybridJob, out: Output, *, follow: bool) -> None:
    async for piece in job.logs(follow=follow):
        out.document({"text": piece})
        if not out.as_json:
            sys.stdout.write("\n".join(map(visible, piece.split("\n"))))
            sys.stdout.flush()


async def _end(job: AsyncHybridJob, out: Output) -> Exit:
    status = await job.wait()
    if status.state != "rejected":
        await job.cost(30.0)
        status = await job.status()
    _print(status, out)
    return _EXITS.get(status.state, Exit.DONE)


def _streamed(args: Namespace, out: Output, each: Callable[[AsyncHybridJob], Awaitable[None]]) -> Exit:
    async def work() -> None:
        async with client_of(args) as client:
            await each(client.hybrid_job(await full_id(client, args.hybrid)))

    asyncio.run(work())
    return Exit.DONE


def _asked(args: Namespace, out: Output, question: Callable[[AsyncHybridJob], Awaitable[Any]]) -> Any:  # its answer
    async def asked(client: AsyncClient) -> Any:  # the answer
        return await question(client.hybrid_job(await full_id(client, args.hybrid)))

    return ask(args, out, "asking the log", asked)


def _parameter(text: str) -> tuple[str, object]:
    """A parameter such as `steps=30`: JSON, or else a text."""
    name, given, value = text.partition("=")
    if not given or not name:
        raise Stop(Exit.USAGE, f"--param {text} is no parameter: write it like steps=30")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _print(status: HybridStatus, out: Output) -> None:
    out.document({**asdict(status), "hold": _money(status.hold), "charge": _money(status.charge)})
    for line in _lines(status):
        out.say(line)


def _money(amount: object) -> str | None:
    return None if amount is None else str(amount)


def _lines(status: HybridStatus) -> list[str]:
    """A few lines for people."""
    took = "" if status.time_s is None else f" after {status.time_s:.1f} s"
    lines = [f"{status.hybrid}  {status.label}  {status.state}{took}"]
    lines += [f"  {visible(it.text)} ({it.code})" for it in status.reasons]
    if status.charge is not None:
        lines.append(f"  its own time cost {status.charge} of {status.hold} held; its jobs have bills of their own")
    elif status.hold is not None:
        lines.append(f"  {status.hold} are held for {status.max_time_s:,} s")
    if status.state == "completed":
        lines.append(f"  next: qb hybrid result {status.hybrid}")
    return lines
