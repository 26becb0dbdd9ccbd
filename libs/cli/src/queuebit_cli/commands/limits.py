"""`qb tenant limit`: how much a tenant may ask for, and where a project may run."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.commands.tenancy import done, editing_tenants
from queuebit_cli.output import Output
from queuebit_pricing import BadPriceBook, load
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.tenants_file import project_in, tenant_in

__all__ = ["OF_A_PROJECT", "OF_A_TENANT", "limit"]

OF_A_TENANT = ("share", "max_shots", "max_active_jobs")
OF_A_PROJECT = ("backends", "default_kind")
_ALL = "all"


def limit(args: Namespace, out: Output) -> Exit:
    """Set limits of a tenant, or of one of its projects; what is not named stays as it is."""
    wished = {name: getattr(args, name) for name in (*OF_A_TENANT, *OF_A_PROJECT) if getattr(args, name) is not None}
    own, others = (OF_A_TENANT, OF_A_PROJECT) if args.project is None else (OF_A_PROJECT, OF_A_TENANT)
    if not wished:
        args.misused(f"which limit? {' '.join(map(_flag, own))}; `qb tenant show {args.name}` shows what they are now")
    if strange := [_flag(name) for name in wished if name in others]:
        whose = "a tenant: leave the project out" if args.project else "a project: name it after the tenant"
        args.misused(f"{', '.join(strange)} is a limit of {whose}")
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        table = (
            tenant_in(document, args.name) if args.project is None else project_in(document, args.name, args.project)
        )
        for name, value in wished.items():
            table[name] = _backends(value) if name == "backends" else value
    whom = args.name if args.project is None else f"{args.project} of {args.name}"
    told = ", ".join(f"{_flag(name).lstrip('-')} {value}" for name, value in wished.items())
    fields = {"tenant": args.name, "project": args.project, **wished}
    code = done(home, out, f"{whom}: {told}", **{name: value for name, value in fields.items() if value is not None})
    if unpriced := _unpriced(home, wished.get("backends")):
        out.paragraph(
            f"no price is known for {', '.join(unpriced)}, so no job can run there yet: "
            "`qb backends` shows which backends there are"
        )
    return code


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _unpriced(home: Home, backends: str | None) -> list[str]:
    """Backends that the price book does not name: spelled wrong, or yet to come."""
    if backends is None or not home.price_book.exists():
        return []
    try:
        prices = load(home.price_book).prices
    except BadPriceBook:  # `qb status` says so
        return []
    return [name for name in _backends(backends) if not any(price.covers(name) for price in prices)]


def _backends(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Stop(Exit.USAGE, f"--backends names no backend: write aer,cirq, or {_ALL}")
    return [] if names == [_ALL] else names
