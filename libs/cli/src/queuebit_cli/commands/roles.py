"""`qb tenant user role`: changes the role of a user."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.commands.tenancy import done, editing_tenants
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.tenants_file import user_in

__all__ = ["set_role"]


def set_role(args: Namespace, out: Output) -> Exit:
    """Give a user another role; tokens stay valid, connections are opened again."""
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        user_in(document, args.name, args.user)["role"] = args.role
    return done(home, out, f"{args.user} of {args.name}: {args.role}", tenant=args.name, user=args.user, role=args.role)
