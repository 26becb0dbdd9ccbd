"""`qb lab`: scheduling policies in simulated time."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from queuebit_cli.output import Output
from queuebit_kernel import Malformed
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place

__all__ = ["schedule"]


def schedule(args: Namespace, out: Output) -> Exit:
    """Compare policies; no stack is needed."""
    folder = None if args.output is None else _folder(args.output)
    try:
        from queuebit_lab.comparison import USUAL, compare
        from queuebit_lab.plots import draw
        from queuebit_lab.scenario import scenario

        it = scenario(
            args.scenario,
            fleet_name=args.fleet,
            hours=args.hours,
            per_hour=args.rate,
            seed=args.seed,
            places=args.places,
            calls_per_minute=args.calls_per_minute,
        )
        found = compare(it, args.policies or USUAL, fronts=args.front)
    except ImportError as error:
        text = f"{error.name} is missing: install the extra `lab` of queuebit-cli"
        raise Stop(Exit.USAGE, text) from error
    except Malformed as error:
        raise Stop(Exit.USAGE, str(error)) from error
    out.document({**json.loads(found.document()), "decisions_per_s": found.speeds()})
    heading, *rows = found.rows()
    out.table([dict(zip(heading, row, strict=True)) for row in rows], fit=True)
    if folder is not None:
        written = folder / f"{it.name}.json"
        written.write_bytes(found.document())
        for path in (written, *draw(found, folder)):
            out.say(f"wrote {path}")
    return Exit.DONE


def _folder(output: str) -> Path:
    """The folder for what is written, made before the work starts."""
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{folder} cannot be made: {error.strerror}; choose another --output") from error
    require_place(folder / "any.json")
    return folder
