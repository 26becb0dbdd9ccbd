"""`qb verify`: whether the invariants hold."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop

__all__ = ["verify"]


def verify(args: Namespace, out: Output) -> Exit:
    """Check the invariants on the stack of the home.

    Raises:
        Stop: a part of the stack does not answer.
    """
    quick_start()
    from queuebit_audit import Sample, inspect, target_of
    from queuebit_cli.render_verdicts import print_verdicts
    from queuebit_kernel import Unavailable
    from queuebit_pricing import BadPriceBook

    try:
        sample = None if args.sample is None else Sample(args.sample, args.seed)
        work = inspect(target_of(args.home), args.wait, sample)
        verdicts = run(work, out, "reading the log, the warehouse and every receipt")
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot verify: {error}") from error
    print_verdicts(out, verdicts)
    return Exit.DONE if all(verdict.holds for verdict in verdicts) else Exit.JOB_FAILED
