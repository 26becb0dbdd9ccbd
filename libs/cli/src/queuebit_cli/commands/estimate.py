"""`qb estimate`: what a circuit would need on error-corrected hardware."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from queuebit_cli.circuits import STANDARD_INPUT
from queuebit_cli.output import Output
from queuebit_cli.render_estimates import documents, remarks, rows
from queuebit_stack.errors import Exit, Stop

__all__ = ["estimate"]


def estimate(args: Namespace, out: Output) -> Exit:
    """Print an estimate for each hardware model; no stack is needed."""
    from queuebit_cli.estimates import MODELS, estimates

    models = [*dict.fromkeys(args.model)] or [*MODELS]
    if unknown := [it for it in models if it not in MODELS]:
        raise Stop(Exit.USAGE, f"there is no hardware model {unknown[0]!r}: choose from {', '.join(MODELS)}")
    path = Path("standard input" if args.file == STANDARD_INPUT else args.file)
    found = estimates(path, _content(args.file), models, args.budget)
    for it in documents(found) if out.as_json else ():
        out.document(it)
    out.table(rows(found), fit=True)
    for remark in remarks(found, args.budget):
        out.paragraph(remark)
    return Exit.DONE if any(it.failure is None for it in found.of_models) else Exit.JOB_FAILED


def _content(file: str) -> bytes:
    """The bytes of the file, checked as those of a circuit are."""
    from queuebit.sources import read_file, source_of
    from queuebit_planning.limits import MAX_SOURCE_BYTES

    if file == STANDARD_INPUT:
        return source_of(sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1), "standard input")
    return source_of(read_file(Path(file)), file)
