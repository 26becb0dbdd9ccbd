"""`qb smoke`: whether backends return what they should."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import InvalidInput
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.render_probes import smoke_documents, smoke_report, smoke_rows
from queuebit_kernel import new_key
from queuebit_stack.errors import Exit

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit_probes.smoke import SmokeRun

__all__ = ["smoke"]


def smoke(args: Namespace, out: Output) -> Exit:
    """Run the smoke test: 0 if every circuit gave its result, else 1."""
    from queuebit_probes.smoke import SmokeOptions, chosen
    from queuebit_probes.smoke import smoke as tested

    options = SmokeOptions(args.shots, args.floor, args.max_cost, args.timeout)

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
