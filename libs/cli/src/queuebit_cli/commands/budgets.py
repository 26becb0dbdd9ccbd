"""`qb balances`, and `qb tenant budget`: limits that the jobs of several accounts share."""

from __future__ import annotations

from argparse import Namespace

import tomlkit

from queuebit_cli.commands.tenancy import amount_of, done, editing_tenants
from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.render_tables import balance_rows
from queuebit_stack.balances import balances as balances_of
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.tenants_file import tenant_in, unknown

__all__ = ["balances", "budget"]

_NONE = "none"


def balances(args: Namespace, out: Output) -> Exit:
    """What accounts and budgets have left."""

    async def ask() -> list[dict[str, object]]:
        async with client_of(args) as client:
            return await client.balances(project=args.project)

    out.rows(run(ask(), out, "asking the broker"), none="no account has money yet", shown=balance_rows)
    return Exit.DONE


def budget(args: Namespace, out: Output) -> Exit:
    """Set a budget, or remove it; without an amount, show what each has left."""
    home = Home(args.home)
    if args.amount is None:
        return _show(home, args, out)
    with editing_tenants(home, out) as document:
        tenant = tenant_in(document, args.name)
        if args.amount == _NONE:
            if args.what not in tenant.get("budget", {}):
                raise unknown("budget", args.what, tenant.get("budget", {}), args.name)
            del tenant["budget"][args.what]
            words = f"{args.name} has no budget {args.what} any more; its accounts are as they were"
        else:
            entry = {"amount": amount_of(args.amount), "currency": args.currency}
            tenant.setdefault("budget", tomlkit.table(is_super_table=True))[args.what] = entry
            words = f"budget {args.what} of {args.name} is {entry['amount']} {args.currency}"
    return done(home, out, words, tenant=args.name, budget=args.what, amount=args.amount)


def _show(home: Home, args: Namespace, out: Output) -> Exit:
    home.require()
    found: list[dict[str, object]] = []
    for tenant in [args.name] if args.name else read_tenants(home).tenant:
        rows = balances_of(home, tenant)
        if rows is None:
            raise Stop(Exit.UNREACHABLE, "only the broker knows what is left: start the stack with `qb up`")
        named = {} if args.name else {"tenant": tenant}
        found += [named | it for it in rows if it["kind"] == "budget" and args.what in (None, it["name"])]
    none = f"no budget: `qb tenant budget {args.name or 'TENANT'} tenant AMOUNT` sets one over all accounts"
    out.rows(found, none=none, shown=balance_rows)
    return Exit.DONE
