"""`qb tenant class`: what jobs of a class prefer that say nothing else."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.commands.tenancy import done, edited
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit

__all__ = ["set_class"]


def set_class(args: Namespace, out: Output) -> Exit:
    """Set what jobs of a class prefer; or let their projects decide again."""
    if (args.objective is None) != args.remove:
        args.misused("give --objective, or --remove alone")
    edited(args, out, lambda it: it.set_class(args.tenant, args.name, args.objective))
    words = f"jobs of {args.tenant} of the class {args.name} prefer {args.objective}, unless they say otherwise"
    if args.remove:
        words = f"jobs of {args.tenant} of the class {args.name} prefer what their projects say"
    return done(args, out, words, tenant=args.tenant, workload_class=args.name, objective=args.objective)
