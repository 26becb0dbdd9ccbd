"""`qb verify`: whether the invariants hold."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.connecting import quick_start
from queuebit_cli.errors import Exit
from queuebit_cli.output import Output

__all__ = ["verify"]


def verify(args: Namespace, out: Output) -> Exit:
    """Check them on the stack of the home."""
    quick_start()
    from queuebit_cli.verify import main

    return Exit(main(args.home, out.as_json, args.wait))
