"""`qb submit`: one job for each file, concurrently."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.bulk import BulkSubmission, Outcome, Wanted
from queuebit.documents import outcome_document
from queuebit.records import ENDS
from queuebit_cli.circuits import STANDARD_INPUT, is_batch, limits_in, named_in, processing_in, program_in
from queuebit_cli.commands import reservations, sessions
from queuebit_cli.connecting import ask, client_of
from queuebit_cli.flags import Flag, read_flag
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_jobs import describe, exit_of
from queuebit_cli.render_results import result_lines
from queuebit_cli.tables import Row, wrapped
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.named_circuits import NamedCircuit

__all__ = ["submit"]

_NAMED = 10
_COLUMNS = ("file", "job", "state", "backend", "shots", "charge", "receipt", "reason")


def submit(args: Namespace, out: Output) -> Exit:
    """Submit a job for each file; with `--wait`, print how each ended."""
    if args.session:
        args.session = ask(args, out, "asking the broker", lambda client: sessions.full_id(client, args.session))
    if args.reservation:
        args.reservation = ask(
            args, out, "asking the broker", lambda client: reservations.full_id(client, args.reservation)
        )
    flag = read_flag(args, out) if args.flag else None
    wanted = _wanted(args, flag, _named(args, out))
    bulk = BulkSubmission(client_of(args), args.wait, args.timeout, Home(args.home).trust_file)
    try:
        outcomes = asyncio.run(_submitted(bulk, wanted, out))
    except KeyboardInterrupt:
        raise Stop(Exit.INTERRUPTED, _interrupted(bulk.confirmed)) from None
    if len(outcomes) == 1:
        for line in _lines(outcomes[0], out):
            out.say(line)
    away = next((it.away for it in reversed(outcomes) if it.away), "")
    if away and not bulk.confirmed:
        raise Stop(Exit.UNREACHABLE, away)
    documents = [
        {"file": file, **outcome_document(it, args.shots, _only(args.backend))}
        for file, it in zip(args.files, outcomes, strict=True)
    ]
    for document in documents:
        out.document(document)
    if len(documents) > 1:
        out.table([_summary(it) for it in documents], _COLUMNS, fit=True)
    if away:
        raise Stop(Exit.UNREACHABLE, away)
    code = exit_of(it.state for it in outcomes)
    ended = all(it.state in ENDS for it in outcomes)
    return Exit.JOB_FAILED if code is Exit.DONE and args.wait and not ended else code


def _named(args: Namespace, out: Output) -> dict[str, NamedCircuit]:
    """The named circuits among the files."""
    names = named_in(args.files)

    async def found(client: AsyncClient) -> dict[str, NamedCircuit]:
        return {it: await client.circuit(it) for it in names}

    return ask(args, out, "reading its circuit", found) if names else {}


def _wanted(args: Namespace, flag: Flag | None, named: Mapping[str, NamedCircuit]) -> list[Wanted]:
    from queuebit.amounts import money_of

    options = {
        "shots": args.shots,
        "backend": args.backend,
        "project": args.project,
        "purpose": args.purpose,
        "max_cost": None if args.max_cost is None else money_of(args.max_cost, "--max-cost"),
        **limits_in(args),
        "seed": args.seed,
        "tags": args.tag,
        "data": args.data,
        "workload_class": args.workload_class,
        "session": args.session,
        "reservation": args.reservation,
        "fallback": args.fallback,
        "alone": args.alone,
        "spot": args.spot,
        "objective": args.objective,
        "priority": args.priority,
        **processing_in(args),
    }
    wanted = []
    for file, key in zip(args.files, _keys(args.files, args.key), strict=True):
        label = args.label or (Path(file).name if is_batch(file) else None)
        chosen = {**options, "key": key, "label": label}
        wanted.append(Wanted(program_in(file, args, named), flag.applied(chosen) if flag else chosen))
    return wanted


def _only(named: Sequence[str] | None) -> str | None:
    """The backend, if one is named; of several, the log says which."""
    return named[0] if named and len(named) == 1 else None


async def _submitted(bulk: BulkSubmission, wanted: Sequence[Wanted], out: Output) -> list[Outcome]:
    async with bulk.client:
        with Progress(out.as_json, "submitting") as progress:

            def report(done: int) -> None:
                why = next((f"; {bulk.waiting[job]}" for job in bulk.confirmed if job in bulk.waiting), "")
                progress.update(f"{done} of {len(wanted)} jobs done{why}")

            return await bulk.run(wanted, report, progress.note)


def _interrupted(jobs: Sequence[str]) -> str:
    if not jobs:
        return "interrupted before any job was confirmed: `qb jobs` lists jobs"
    follow = "".join(f"\n  qb job watch {job}" for job in jobs[:_NAMED])
    more = f"\n  and {len(jobs) - _NAMED} more: `qb jobs` lists them" if len(jobs) > _NAMED else ""
    return f"interrupted; submitted jobs continue:{follow}{more}"


def _lines(outcome: Outcome, out: Output) -> list[str]:
    """What became of the only job, for people."""
    if outcome.away:
        return []
    if outcome.status is None:
        if outcome.job is None:
            return [it.text for it in outcome.reasons]
        return [f"{outcome.job} submitted; next: qb job watch {outcome.job}"]
    lines = describe(outcome.status, out)
    if outcome.late:
        lines += [*wrapped(outcome.late, out.room, "  "), f"  qb job watch {outcome.job}"]
    if outcome.result is not None:
        lines += ["", *result_lines(outcome.result, out)]
    return lines


def _summary(document: Row) -> Row:
    """A row of the table: files without folders."""
    receipt, reasons = document["receipt"], document["reasons"]
    verified = isinstance(receipt, dict) and {True: "verified", False: "wrong", None: "sealed"}[receipt["verified"]]
    named = f"job {document['job']} "  # the line names the job already
    texts = [it["text"].removeprefix(named) for it in reasons] if isinstance(reasons, list) else []
    return {**document, "file": Path(str(document["file"])).name, "receipt": verified or "", "reason": "; ".join(texts)}


def _keys(files: list[str], key: str | None) -> list[str | None]:
    """The key of each file: the given one, extended by the name of the file if there are several."""
    if files.count(STANDARD_INPUT) > 1:
        raise Stop(Exit.USAGE, "standard input can be read once: give `-` once")
    if key is None or len(files) == 1:
        return [key] * len(files)
    keys: list[str | None] = [f"{key}/{Path(file).name}" for file in files]
    if len(set(keys)) < len(keys):
        raise Stop(Exit.USAGE, "--key with several files needs files of different names")
    return keys
