"""`qb lab`: scheduling policies in simulated time."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from queuebit_cli.output import Output
from queuebit_kernel import Malformed
from queuebit_stack.errors import Exit, Stop

__all__ = ["schedule"]


def schedule(args: Namespace, out: Output) -> Exit:
    """Compare policies; no stack is needed."""
    try:
        from queuebit_lab.comparison import POLICIES, compare
        from queuebit_lab.plots import draw
        from queuebit_lab.scenario import scenario

        it = scenario(
            args.scenario,
            fleet_name=args.fleet,
            hours=args.hours,
            per_hour=args.rate,
            seed=args.seed,
            places=args.places,
        )
        found = compare(it, args.policies or [*POLICIES], fronts=args.front)
    except ImportError as error:
        text = f"{error.name} is missing: install the extra `lab` of queuebit-cli"
        raise Stop(Exit.USAGE, text) from error
    except Malformed as error:
        raise Stop(Exit.USAGE, str(error)) from error
    out.document({**json.loads(found.document()), "decisions_per_s": found.speeds()})
    heading, *rows = found.rows()
    out.table([dict(zip(heading, row, strict=True)) for row in rows], fit=True)
    if args.output:
        folder = Path(args.output)
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f"{it.name}.json"
        written.write_bytes(found.document())
        for path in (written, *draw(found, folder)):
            out.say(f"wrote {path}")
    return Exit.DONE
