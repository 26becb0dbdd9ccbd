"""`qb submit`, `qb plan`, `qb jobs` and `qb job …`."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli.connecting import client_of, job_of
from queuebit_cli.errors import Exit, Stop
from queuebit_cli.output import Output
from queuebit_cli.presenting import job_rows, plan_rows

if TYPE_CHECKING:
    from queuebit.records import Result

__all__ = ["cancel", "jobs", "plan", "result", "show", "watch"]


def plan(args: Namespace, out: Output) -> Exit:
    """What a job would cost, take and be worth on every backend."""

    async def ask() -> list[dict[str, object]]:
        async with client_of(args) as client:
            return await client.plan(Path(args.file), shots=args.shots, project=args.project)

    out.rows(asyncio.run(ask()), none="no backend is registered yet: see `qb status`", shown=plan_rows)
    return Exit.DONE


def jobs(args: Namespace, out: Output) -> Exit:
    """The newest jobs."""

    async def ask() -> list[dict[str, object]]:
        async with client_of(args) as client:
            return await client.jobs(project=args.project, limit=args.limit)

    out.rows(asyncio.run(ask()), none="no jobs yet: qb submit FILE.qasm --wait", shown=job_rows)
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """All that happened to a job."""
    from queuebit_cli.telling import describe, status_document

    async def ask() -> Exit:
        async with client_of(args) as client:
            status = await (await job_of(client, args.job)).status()
            out.document(status_document(status))
            for line in describe(status, out):
                out.say(line)
            return Exit.DONE

    return asyncio.run(ask())


def watch(args: Namespace, out: Output) -> Exit:
    """Follow a job until it is sealed."""
    from queuebit_cli.telling import exit_of, step_document, step_line

    async def follow() -> Exit:
        async with client_of(args) as client:
            job = await job_of(client, args.job)
            async for step in job.steps():
                out.document(step_document(job.id, step))
                out.say(step_line(step, out))
            return exit_of([(await job.status()).state])

    return asyncio.run(follow())


def cancel(args: Namespace, out: Output) -> Exit:
    """Stop a job that has not ended."""
    from queuebit_cli.telling import status_document

    async def ask() -> Exit:
        async with client_of(args) as client:
            status = await (await job_of(client, args.job)).cancel(args.reason)
            out.document(status_document(status))
            out.say(f"{status.job} {status.state}")
            if status.state == "cancelled":
                return Exit.DONE
            raise Stop(Exit.REFUSED, f"job {status.job} had {status.state} before it could be cancelled")

    return asyncio.run(ask())


def result(args: Namespace, out: Output) -> Exit:
    """The counts of a completed job."""
    from queuebit_cli.telling import count_rows

    async def ask() -> Result:
        async with client_of(args) as client:
            return await (await job_of(client, args.job)).result(timeout=args.timeout)

    measured = asyncio.run(ask())
    fields = {"job": measured.job, "backend": measured.backend, "shots": measured.shots}
    out.document({**fields, "counts": dict(measured.counts), "digest": measured.digest})
    for line in out.lines(count_rows(measured.counts)):
        out.say(line)
    if args.output:
        Path(args.output).write_text(json.dumps(dict(measured.counts)) + "\n")
    return Exit.DONE
