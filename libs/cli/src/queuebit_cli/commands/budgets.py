"""`qb tenant budget`, `qb tenant grant` and `qb tenant limit`: how much there may be of what."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from queuebit_cli.commands.tenancy import done, edited
from queuebit_cli.output import Output
from queuebit_cli.render_tables import balance_rows
from queuebit_stack.balances import budgets
from queuebit_stack.config_check import unpriced
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.tenant_edits import budget_of

__all__ = ["OF_A_PROJECT", "OF_A_TENANT", "budget", "grant", "limit"]

OF_A_TENANT = ("share", "max_shots", "max_active_jobs", "regions", "vendors", "legal_hold", "erasable")
OF_A_PROJECT = (
    "backends",
    "default_kind",
    "fallback",
    "fallback_after_s",
    "reruns",
    "objective",
    "min_fidelity",
    "deadline_s",
    "vendors",
    "regions",
    "weight",
    "shared_device",
    "owner",
    "purpose",
    "impact",
    "risk_class",
)
_INVENTORY = ("owner", "purpose", "impact", "risk_class")
_TERMS = ("window", "soft", "warn_at")
_NONE, _ALL, _YES = "none", "all", "yes"


def budget(args: Namespace, out: Output) -> Exit:
    """Set a budget, or remove it; without an amount, show what each has left."""
    if args.amount is None:
        none = f"no budget: `qb tenant budget {args.tenant or 'TENANT'} tenant AMOUNT` sets one over all accounts"
        out.rows(budgets(Home(args.home), args.tenant, args.what), none=none, shown=balance_rows)
        return Exit.DONE
    money = None if args.amount == _NONE else budget_of(args.amount, args.currency)
    terms = {name: getattr(args, name) for name in _TERMS if getattr(args, name) is not None}
    edited(args, out, lambda it: it.set_budget(args.tenant, args.what, money, terms))
    words = ", ".join([f"budget {args.what} of {args.tenant} is {money}", *map(_term, terms.items())])
    if money is None:
        words = f"{args.tenant} has no budget {args.what} any more; its accounts are as they were"
    return done(args, out, words, tenant=args.tenant, budget=args.what, amount=args.amount, **terms)


def grant(args: Namespace, out: Output) -> Exit:
    """Put prepaid credit on the account of a project, of several, or of all."""
    if bool(args.project) == args.all_projects:
        args.misused("say whose credit it is: --project P, once for each, or --all-projects")
    if args.expires is not None and args.expires <= datetime.now(UTC):
        raise Stop(Exit.USAGE, f"the credit would have expired at {args.expires:%Y-%m-%d %H:%M} UTC: give a later time")
    amount = budget_of(args.amount, args.currency)
    if not amount.amount:
        raise Stop(Exit.USAGE, "a grant is an amount above 0")
    projects = None if args.all_projects else [*dict.fromkeys(args.project)]
    granted = edited(
        args,
        out,
        lambda it: it.grant(args.tenant, args.name, amount, projects, priority=args.priority, expires=args.expires),
    )
    until = "" if args.expires is None else f", until {args.expires:%Y-%m-%d %H:%M} UTC"
    each = "; ".join(f"{name} for {project}" for project, name in granted.items())
    words = f"{args.tenant} has {amount} of credit{until}: {each}"
    return done(args, out, words, tenant=args.tenant, grants=granted, amount=args.amount, currency=args.currency)


def limit(args: Namespace, out: Output) -> Exit:
    """Set limits of a tenant or of one of its projects; other limits do not change."""
    requested = _requested(args)
    lists = {"backends": _ALL, "fallback": _NONE, "vendors": _ALL, "regions": _ALL}
    named = {it: _named(it, getattr(args, it), empty) for it, empty in lists.items() if it in requested}
    consent = {it: requested[it] == _YES for it in ("reruns", "erasable") if it in requested}
    without = {
        it: None for it in ("min_fidelity", "deadline_s", "legal_hold", *_INVENTORY) if requested.get(it) == _NONE
    }
    values = requested | named | consent | without
    edited(args, out, lambda it: it.set_limits(args.tenant, args.project, values))
    target = args.tenant if args.project is None else f"{args.project} of {args.tenant}"
    shown = requested | {it: ", ".join(names) or lists[it] for it, names in named.items()}
    changes = "; ".join(f"{_flag(name).lstrip('-')} {value}" for name, value in shown.items())
    project = {} if args.project is None else {"project": args.project}
    code = done(args, out, f"{target}: {changes}", tenant=args.tenant, **project, **requested)
    backends = [*named.get("backends", ()), *named.get("fallback", ())]
    if free := unpriced(Home(args.home), [*dict.fromkeys(backends)]):
        out.paragraph(
            f"the price book has no price for {', '.join(free)}, so no job can run there yet: "
            "`qb backends` lists backends"
        )
    return code


def _term(term: tuple[str, object]) -> str:
    match term:
        case "window", window:
            return f"window {window}"
        case "soft", soft:
            return "warns only" if soft else "refuses jobs"
        case _, shares:
            return f"announced at {', '.join(map(str, shares)) if isinstance(shares, tuple) else shares}"


def _requested(args: Namespace) -> dict[str, object]:
    """The limits that were given, which all are of a tenant, or all of a project."""
    known = dict.fromkeys((*OF_A_TENANT, *OF_A_PROJECT))
    requested = {name: getattr(args, name) for name in known if getattr(args, name) is not None}
    own, others = (OF_A_TENANT, OF_A_PROJECT) if args.project is None else (OF_A_PROJECT, OF_A_TENANT)
    if not requested:
        args.misused(f"which limit? {' '.join(map(_flag, own))}; `qb tenant show {args.tenant}` shows the current ones")
    if strange := [_flag(name) for name in requested if name in others and name not in own]:
        whose = "a tenant: leave the project out" if args.project else "a project: name it after the tenant"
        args.misused(f"{', '.join(strange)} is a limit of {whose}")
    return requested


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _named(limit: str, text: str, empty: str) -> list[str]:
    """The names of a limit; the word `empty` stands for an empty list."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Stop(Exit.USAGE, f"{_flag(limit)} names none: write names with commas between, or {empty}")
    return [] if names == [empty] else names
