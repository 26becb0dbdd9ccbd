"""`qb ci`: check the circuits of a change."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import QueuebitError
from queuebit.text import visible
from queuebit_ci.baseline import read_baseline, write_baseline
from queuebit_ci.checking import Checking
from queuebit_ci.documents import report_document
from queuebit_ci.git import base_of, repository_name
from queuebit_ci.markdown import markdown
from queuebit_ci.offline import OfflinePlatform
from queuebit_ci.platforms import StackPlatform
from queuebit_ci.policy import FILE, read_policy
from queuebit_ci.selection import select
from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_checks import check_lines, circuit_rows
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit_ci.model import Report
    from queuebit_ci.platforms import Platform

__all__ = ["ci"]


def ci(args: Namespace, out: Output) -> Exit:
    """Check circuits against a policy; exit 1 if one failed."""
    folder = Path.cwd()
    file = args.policy or (FILE if (folder / FILE).is_file() else None)
    policy = read_policy(Path(file) if file else None)
    base = base_of(folder, args.since) if args.since else None
    candidates = select(folder, policy, args.files, base, file)
    earlier = None if args.write_baseline else args.baseline or policy.baseline
    against = f"the baseline {earlier}" if earlier else str(base) if base else None
    baseline = read_baseline(folder / earlier) if earlier else None

    tests = max(1, sum(it.expected is not None for it in candidates))

    async def check(platform: Platform) -> Report:
        checking = Checking(platform, policy, baseline, run=not args.plan_only, tests=tests)
        return await checking.report(candidates, offline=args.offline, against=against)

    with Progress(out.as_json, f"checking {len(candidates)} circuits"):
        report = asyncio.run(_on_platform(args, check))
    if args.write_baseline:
        write_baseline(folder / args.write_baseline, report.circuits)
    if args.output:
        _write(Path(args.output), report)
    out.document(report_document(report))
    out.table(circuit_rows(report), fit=True)
    for line in check_lines(report, out):
        out.say(line)
    if args.comment:
        _comment(report, out)
    return Exit.JOB_FAILED if report.failed else Exit.DONE


async def _on_platform(args: Namespace, check: Callable[[Platform], Awaitable[Report]]) -> Report:
    if args.offline:
        async with OfflinePlatform() as offline:
            return await check(offline)
    async with client_of(args) as client:
        return await check(StackPlatform(client, repository_name(Path.cwd())))


def _write(folder: Path, report: Report) -> None:
    """Write the report in every format."""
    from queuebit_ci.junit import junit
    from queuebit_ci.sarif import sarif

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise Stop(Exit.USAGE, f"--output {folder} is a file: name a folder") from None
    texts = {
        "report.md": markdown(report),
        "report.json": json.dumps(report_document(report), indent=2) + "\n",
        "junit.xml": junit(report),
        "report.sarif": json.dumps(sarif(report), indent=2) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _comment(report: Report, out: Output) -> None:
    """Post the report; a comment that cannot be posted changes nothing about the result."""
    from queuebit_ci.comments import conversation_of, post

    try:
        post(conversation_of(os.environ), markdown(report))
    except QueuebitError as error:
        print(f"qb: no comment: {visible(str(error))}", file=sys.stderr)
