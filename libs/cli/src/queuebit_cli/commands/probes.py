"""`qb probe` and `qb smoke`: whether backends return what they should."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import InvalidInput
from queuebit_cli.commands.tenancy import edited
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.render_probes import NEWEST, probe_rows, run_rows, smoke_documents, smoke_report, smoke_rows
from queuebit_kernel import new_key
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack
from queuebit_stack.tenant_edits import budget_of
from queuebit_stack.warehouse import analyst_of, records

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit_contracts.probe_documents import Probes
    from queuebit_probes.smoke import SmokeRun

__all__ = ["list_", "run", "setup", "smoke"]

_TENANT, _USER, _PROJECT = "probes", "prober", "probes"


def setup(args: Namespace, out: Output) -> Exit:
    """Make the tenant that pays for probes, and a first document; keep what is there."""
    from queuebit_probes.document import EXAMPLE

    home = Home(args.home)
    home.require()
    if not home.probes_credential.exists():
        budget = budget_of(args.budget, args.currency)
        edited(
            args,
            out,
            lambda it: it.add_tenant(_TENANT, share=1, user=_USER, project=_PROJECT, budget=budget, file=None),
        )
    if not home.probes_file.exists():
        write_private(home.probes_file, EXAMPLE)
    out.document({"document": str(home.probes_file), "credential": str(home.probes_credential)})
    out.say(f"{home.probes_file} says which probes run where; the tenant {_TENANT} pays")
    out.say(f"next: {home.command('down')}, then {home.command('up')}: the prober reads it when it starts")
    return Exit.DONE


def list_(args: Namespace, out: Output) -> Exit:
    """The newest finding of each probe and backend."""
    home = Home(args.home)
    rows = records(running_stack(home), analyst_of(home), NEWEST, {})
    out.rows(rows, none=f"no probe ran yet: see {home.probes_file}, and `qb status`", shown=probe_rows)
    return Exit.DONE


def run(args: Namespace, out: Output) -> Exit:
    """Run probes now, in the name of the tenant of probes if no other is given."""
    from queuebit_probes.running import run_probe

    home = Home(args.home)
    document = _document(home)
    if missing := [it for it in args.names if it not in document.probe]:
        raise Stop(Exit.USAGE, f"there is no probe {missing[0]} in {home.probes_file}")
    args.tenant = args.tenant or _TENANT
    key = f"probe-run/{new_key()}"

    async def found(client: AsyncClient) -> list[dict[str, object]]:
        backends = [str(it["backend"]) for it in await client.backends()]
        if args.backend:
            backends = [it for it in backends if any(fnmatchcase(it, pattern) for pattern in args.backend)]
        names = args.names or sorted(document.probe)
        wanted = [(name, it) for name in names for it in document.probe[name].chosen(backends)]
        verdicts = await asyncio.gather(
            *(run_probe(client, document.probe[name], it, f"{key}/{name}/{it}", home.root) for name, it in wanted)
        )
        return run_rows(wanted, verdicts)

    rows = ask(args, out, "waiting for results", found)
    out.rows(rows, none="no backend fits: see `backends` in the document", shown=probe_rows)
    return Exit.DONE if rows and all(it["good"] for it in rows) else Exit.JOB_FAILED


def _document(home: Home) -> Probes:
    from queuebit_probes.document import parse_probes

    try:
        return parse_probes(home.probes_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Stop(Exit.USAGE, f"there is no {home.probes_file}: {home.command('probe setup')} writes one") from None
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{home.probes_file}: {error}") from error


def smoke(args: Namespace, out: Output) -> Exit:
    """Run the smoke test: 0 if every circuit gave its result, else 1."""
    from queuebit.amounts import money_of
    from queuebit_probes.smoke import SmokeOptions, chosen
    from queuebit_probes.smoke import smoke as tested

    most = money_of(args.max_cost, "--max-cost")
    options = SmokeOptions(args.shots, args.floor, f"{most.text()} {most.currency}", args.timeout)

    async def run(client: AsyncClient) -> list[SmokeRun]:
        try:
            rows = chosen(await client.backends(), args.backend)
        except ValueError as error:
            raise InvalidInput(str(error)) from error
        return await tested(client, rows, f"smoke/{args.key or new_key()}", options)

    found = ask(args, out, "waiting for results", run)
    if args.junit:
        Path(args.junit).write_text(smoke_report(found), encoding="utf-8")
    passed = bool(found) and all(it.passed for it in found)
    out.document({"passed": passed, "runs": smoke_documents(found)})
    out.table(smoke_rows(found), fit=True)
    if not found:
        out.say("no simulator is registered: name a backend with --backend")
    else:
        bad = sum(not it.passed for it in found)
        out.say(f"{bad} of {len(found)} circuits did not give their result" if bad else "every circuit gave its result")
    return Exit.DONE if passed else Exit.JOB_FAILED
