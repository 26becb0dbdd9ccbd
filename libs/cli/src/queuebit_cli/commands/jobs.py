"""`qb plan`, `qb jobs` and `qb job …`."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import NotFound, QueuebitError
from queuebit_cli.circuits import limits_in, processing_in, program_in
from queuebit_cli.commands import reservations
from queuebit_cli.connecting import ask, client_of
from queuebit_cli.groups import group_in, total_line
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.render_tables import job_rows, plan_rows
from queuebit_cli.tables import Row
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.errors import Reason
    from queuebit.records import Result, Status
    from queuebit.waits import UsualWait

__all__ = ["cancel", "explain", "jobs", "plan", "rerun", "result", "show", "watch"]

_WITHOUT_BACKEND = (
    "without --backend a job goes to the cheapest simulator that fits; name a device to run on it "
    "(a project's default_kind changes this)"
)
_TOTAL_DAYS = 366
_NOT_HERE = "without --backend the plan shows which backends can run it"
_NONE_FITS = "no backend here can run this circuit: see the reasons"
_ENDED = {
    "completed": "had completed",
    "failed": "had failed",
    "rejected": "had been rejected",
    "expired": "had expired",
}


def plan(args: Namespace, out: Output) -> Exit:
    """Cost, duration, usual wait and expected quality of a job on every backend, or on one."""
    from queuebit.amounts import money_of

    circuit, processing = program_in(args.file, args), processing_in(args)
    named = None if args.backend is None else {it.lower() for it in args.backend}
    most = None if args.max_cost is None else money_of(args.max_cost, "--max-cost")
    demanded = {"backend": args.backend, "max_cost": most, "spot": args.spot, **limits_in(args)}

    async def planned(client: AsyncClient) -> tuple[list[Row], Reason | None]:
        slot = await reservations.full_id(client, args.reservation) if args.reservation else None
        asked = client.plan(circuit, shots=args.shots, project=args.project, reservation=slot, **processing, **demanded)
        rows, waits, measured, queues = await asyncio.gather(
            asked, _waits(client), _measured(client), queues_of(client)
        )
        if named is not None and rows and not any(row["backend"] in named for row in rows):
            names = " or ".join(sorted(named))
            raise NotFound(f"there is no backend {names} here, or the project may not use it: see `qb backends`")
        chosen = (row for row in rows if named is None or row["backend"] in named)
        backends = {str(row["backend"]): row for row in chosen}
        advice = {"advice": {"code": rows.advice.code, "text": rows.advice.text}} if rows.advice else {}
        known = (
            {**row, **waits.get(it, {}), **_corrected(row, measured.get(it)), **queues.get(it, {}), **advice}
            for it, row in backends.items()
        )
        return [*known], rows.advice

    rows, advice = ask(args, out, "asking the executors", planned)
    out.rows(rows, none="no backend is registered yet: see `qb status`", shown=plan_rows)
    if advice is not None:
        out.paragraph(advice.text)
    elif rows and not any(row.get("fits") for row in rows):
        out.paragraph(_NONE_FITS if named is None else _NOT_HERE)
    elif rows and named is None:
        out.paragraph(_WITHOUT_BACKEND)
    return Exit.DONE


async def queues_of(client: AsyncClient) -> dict[str, Row]:
    """The queues of vendors by backend, as fields of a row; none while the scheduler does not answer."""
    with suppress(QueuebitError):
        found = {str(it["backend"]): it.get("queue") for it in await client.backend_status()}
        return {backend: {"queue": it} for backend, it in found.items() if it}
    return {}


async def _measured(client: AsyncClient) -> dict[str, Row]:
    """What earlier jobs gave beside their success probabilities; none while the warehouse does not answer."""
    with suppress(QueuebitError):
        return {str(it["backend"]): it for it in await client.fidelities()}
    return {}


def _corrected(row: Row, measured: Row | None) -> Row:
    """The success probability as earlier jobs on the backend correct it, as fields of a plan's row."""
    from queuebit_planning.shrinkage import corrected_ppm

    if measured is None or row.get("esp_ppm") is None:
        return {}
    jobs, esp_ppm = int(str(measured["jobs"])), int(str(row["esp_ppm"]))
    corrected = corrected_ppm(esp_ppm, jobs, int(str(measured["ratios_ppm"])))
    return {"corrected_ppm": corrected, "measured_jobs": jobs}


async def _waits(client: AsyncClient) -> dict[str, Row]:
    """The usual waits by backend, as fields of a plan's row."""
    from queuebit.waits import recent_jobs, usual_waits

    return {
        backend: {
            "wait_ms": it.median_ms,
            "wait_low_ms": it.low_ms,
            "wait_high_ms": it.high_ms,
            "wait_jobs": it.jobs,
        }
        for backend, it in usual_waits(await recent_jobs(client)).items()
    }


def jobs(args: Namespace, out: Output) -> Exit:
    """The newest jobs."""

    group = group_in(args)

    async def newest(client: AsyncClient) -> tuple[list[Row], Row | None]:
        tag = args.tag or args.workflow
        rows = await client.jobs(project=args.project, tag=tag, session=args.session, limit=args.limit)
        reasons = await client.waiting(states=[str(row["state"]) for row in rows])
        total = None
        if group is not None and rows and not out.as_json:
            with suppress(NotFound):  # its jobs are older
                total = await client.group(group[1], kind=group[0]).summary(days=_TOTAL_DAYS)
        return [{**row, "waiting": reasons.get(str(row["job"]))} for row in rows], total

    rows, total = ask(args, out, "asking the warehouse", newest)
    named = group is not None or args.project is not None
    none = "no job is of that name: `qb jobs` lists all" if named else "no jobs yet: qb submit FILE.qasm --wait"
    out.rows(rows, none=none, shown=job_rows)
    if total is not None:
        out.say(total_line(total))
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """All events of a job, and why it waits."""
    from queuebit.documents import status_document
    from queuebit_cli.render_jobs import describe

    async def found(client: AsyncClient) -> tuple[Status, str | None, UsualWait | None]:
        status = await (await client.find(args.job)).status()
        reason = (await client.waiting(states=[status.state], job=status.job)).get(status.job)
        return status, reason, await _usual_wait(client, status)

    status, reason, usual = ask(args, out, "asking the log", found)
    if status.ended and not status.sealed:
        from queuebit_stack.overview import sealing_trouble

        reason = reason or sealing_trouble(args.home)
    waits = None if usual is None else {"low_ms": usual.low_ms, "high_ms": usual.high_ms, "jobs": usual.jobs}
    out.document({**status_document(status), "waiting": reason, "usual_wait": waits})
    for line in describe(status, out, reason, usual):
        out.say(line)
    return Exit.DONE


async def _usual_wait(client: AsyncClient, status: Status) -> UsualWait | None:
    """How long jobs waited for its backend before a job that has started, as its plan said it."""
    from queuebit.waits import recent_jobs, usual_waits

    if status.plan is None or status.plan.waited_s is None:
        return None
    return usual_waits(await recent_jobs(client, until=status.steps[0].at)).get(status.plan.backend)


def explain(args: Namespace, out: Output) -> Exit:
    """Why a job was placed where it was; the operator may read of all tenants."""
    from queuebit_cli.render_explanations import explanation_lines

    async def explained(client: AsyncClient) -> Sequence[Row]:
        job = (await client.find(args.job)).id
        if not args.all_tenants:
            return await client.explain(job)
        from queuebit_audit import explain_to_operator

        return await explain_to_operator(Home(args.home), client.credential.tenant, job)

    rows = ask(args, out, "making its decisions again", explained)
    out.document(rows)
    for row in rows:
        for line in explanation_lines(row, out):
            out.say(line)
    return Exit.DONE


def watch(args: Namespace, out: Output) -> Exit:
    """Follow a job until it is sealed; print why it waits, and for people also what it returned."""
    from queuebit.documents import step_document
    from queuebit_cli.render_jobs import exit_of, step_lines, waiting_lines
    from queuebit_cli.render_results import result_lines

    async def follow() -> Exit:
        async with client_of(args) as client:
            job = await client.find(args.job)
            explaining = asyncio.ensure_future(say_why(client, job.id))
            try:
                async for step in job.steps():
                    out.document(step_document(job.id, step))
                    for line in step_lines(step, out):
                        out.say(line)
            finally:
                explaining.cancel()
            state = (await job.status()).state
            if state == "completed" and not out.as_json:
                for line in ("", *result_lines(await job.result(), out)):
                    out.say(line)
            return exit_of([state])

    async def say_why(client: AsyncClient, job: str) -> None:
        with suppress(QueuebitError):  # every error must reach the user who follows the job
            async for reason in client.follow_waiting(job):
                for line in waiting_lines(reason, out):
                    out.say(line)

    return asyncio.run(follow())


def cancel(args: Namespace, out: Output) -> Exit:
    """Stop a job that has not ended."""
    from queuebit.documents import status_document

    status = run(_cancelled(args), out, "asking the broker to stop it")
    out.document(status_document(status))
    out.say(f"{status.job} {status.state}")
    if status.state == "cancelled":
        return Exit.DONE
    raise Stop(Exit.REFUSED, f"job {status.job} {_ENDED[status.state]} before it could be cancelled")


async def _cancelled(args: Namespace) -> Status:
    async with client_of(args) as client:
        return await (await client.find(args.job)).cancel(args.reason)


def rerun(args: Namespace, out: Output) -> Exit:
    """Run the work of a job again; its budget pays it like any other job."""
    from queuebit.amounts import money_of

    most = None if args.max_cost is None else money_of(args.max_cost, "--max-cost")

    async def repeated(client: AsyncClient) -> tuple[str, str]:
        first = await client.find(args.job)
        return first.id, (await first.rerun(max_cost=most)).id

    first, again = ask(args, out, "submitting it", repeated)
    out.document({"job": again, "rerun_of": first})
    out.say(f"{again} runs {first} again: follow it with `qb job watch {again}`")
    return Exit.DONE


def result(args: Namespace, out: Output) -> Exit:
    """The counts of a completed job, or of each of its items."""
    from queuebit.documents import counts_document
    from queuebit_cli.render_results import result_lines

    async def returned(client: AsyncClient) -> Result:
        return await (await client.find(args.job)).result(timeout=args.timeout)

    if args.output:
        require_place(Path(args.output))
    measured = ask(args, out, "waiting for its result", returned)
    fields = {"job": measured.job, "backend": measured.backend, "shots": measured.shots}
    found = counts_document(measured)
    out.document({**fields, **found, "digest": measured.digest})
    for line in result_lines(measured, out):
        out.say(line)
    if args.output:
        Path(args.output).write_text(json.dumps(found.get("items", found["counts"])) + "\n")
    return Exit.DONE
