"""`qb tenant limit`: limits of a tenant, and backends of a project."""

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
    """Set limits of a tenant or of one of its projects; other limits do not change."""
    requested = {name: getattr(args, name) for name in (*OF_A_TENANT, *OF_A_PROJECT) if getattr(args, name) is not None}
    own, others = (OF_A_TENANT, OF_A_PROJECT) if args.project is None else (OF_A_PROJECT, OF_A_TENANT)
    if not requested:
        args.misused(f"which limit? {' '.join(map(_flag, own))}; `qb tenant show {args.name}` shows the current ones")
    if strange := [_flag(name) for name in requested if name in others]:
        whose = "a tenant: leave the project out" if args.project else "a project: name it after the tenant"
        args.misused(f"{', '.join(strange)} is a limit of {whose}")
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        table = (
            tenant_in(document, args.name) if args.project is None else project_in(document, args.name, args.project)
        )
        for name, value in requested.items():
            table[name] = _backends(value) if name == "backends" else value
    target = args.name if args.project is None else f"{args.project} of {args.name}"
    changes = ", ".join(f"{_flag(name).lstrip('-')} {value}" for name, value in requested.items())
    fields = {"tenant": args.name, "project": args.project, **requested}
    code = done(
        home, out, f"{target}: {changes}", **{name: value for name, value in fields.items() if value is not None}
    )
    if unpriced := _unpriced(home, requested.get("backends")):
        out.paragraph(
            f"the price book has no price for {', '.join(unpriced)}, so no job can run there yet: "
            "`qb backends` lists backends"
        )
    return code


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _unpriced(home: Home, backends: str | None) -> list[str]:
    """Backends without a price: misspelled, or not installed yet."""
    if backends is None or not home.price_book.exists():
        return []
    try:
        prices = load(home.price_book).prices
    except BadPriceBook:  # `qb status` reports it
        return []
    return [name for name in _backends(backends) if not any(price.covers(name) for price in prices)]


def _backends(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Stop(Exit.USAGE, f"--backends names no backend: write aer,cirq, or {_ALL}")
    return [] if names == [_ALL] else names
