"""`qb random`: random bits from measured qubits."""

from __future__ import annotations

import json
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.render_random import random_document, random_lines
from queuebit_stack.errors import Exit
from queuebit_stack.files import require_place, write_private

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.random_bits import RandomBits
    from queuebit_kernel import Money

__all__ = ["random"]


def random(args: Namespace, out: Output) -> Exit:
    """Measure qubits, and print the bits that are extracted."""
    from queuebit.amounts import money_of
    from queuebit.errors import StillRunning

    most = None if args.max_cost is None else money_of(args.max_cost, "--max-cost")
    for option in ("output", "record"):
        if place := getattr(args, option):
            require_place(Path(place), f"--{option}")

    async def measured(client: AsyncClient) -> tuple[RandomBits, Money | None]:
        found = await client.random(
            args.bits,
            backend=args.backend,
            qubits=args.qubits,
            security=args.security,
            project=args.project,
            max_cost=most,
            key=args.key,
            tags=args.tag,
            timeout=args.timeout,
        )
        with suppress(StillRunning):  # the bits are there, and are not thrown away because the bill is late
            return found, await client.job(found.job).charge()
        return found, None

    found, charge = ask(args, out, "measuring qubits", measured)
    if args.record:
        write_private(Path(args.record).absolute(), json.dumps(found.record, indent=2) + "\n")
    if args.output:
        write_private(Path(args.output).absolute(), found.hex + "\n")
    out.document(random_document(found, charge, printed=not args.output))
    for line in random_lines(found, charge, out, args.output):
        out.say(line)
    return Exit.DONE
