"""`qb logs`: logs of the stack's processes."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress

from queuebit_cli.output import Output
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.log_files import Line, logs_of, merged

__all__ = ["logs"]

_LOOK_S = 0.2


def logs(args: Namespace, out: Output) -> Exit:
    """Print the last lines of one service's log, or of all; with `--follow`, continue until Ctrl-C."""
    files = logs_of(Home(args.home), args.service)
    width = max((len(it.service) for it in files), default=0) if args.service is None else 0
    last = merged(it.last(args.lines) for it in files)
    _print(last[max(0, len(last) - args.lines) :], width, out)
    with suppress(KeyboardInterrupt):  # the only way to end it
        while args.follow:
            time.sleep(_LOOK_S)
            _print(merged(it.fresh() for it in files), width, out)
    return Exit.DONE


def _print(lines: Sequence[Line], width: int, out: Output) -> None:
    """Print lines, with the name of the service if there are several."""
    for line in lines:
        out.document({"service": line.service, "at": line.at, "text": line.text})
        out.say(f"{out.paint(line.service.ljust(width), 'dim')}  {line.text}" if width else line.text)
