"""`qb tenant …`: shows who may use the stack, and changes it; each change is in force when the command ends."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from queuebit.balances import by_account, moved
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_tables import balance_tables
from queuebit_cli.render_tenants import issuer_rows, project_rows
from queuebit_cli.tables import Row
from queuebit_contracts.query import UsageRequest
from queuebit_stack import late_usage
from queuebit_stack.balances import balances
from queuebit_stack.bootstrap import is_in_force
from queuebit_stack.connection import operator_of
from queuebit_stack.containers import RESTARTED, restart_command
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack
from queuebit_stack.tenant_documents import in_force
from queuebit_stack.tenant_edits import Issued, TenantEditor, budget_of
from queuebit_stack.tenant_facts import author, runs
from queuebit_stack.tenants_file import unknown

__all__ = [
    "add",
    "add_project",
    "add_user",
    "done",
    "edited",
    "fund",
    "list_tenants",
    "new_token",
    "remove",
    "remove_user",
    "revoke_token",
    "set_role",
    "show",
    "state_usage",
]

_T = TypeVar("_T")


def list_tenants(args: Namespace, out: Output) -> Exit:
    """Every tenant."""
    home = Home(args.home)
    home.require()
    rows = [
        {"tenant": name, "share": it.share, "projects": list(it.project), "users": list(it.user)}
        for name, it in in_force(home).tenant.items()
    ]
    out.rows(rows, none="no tenant: qb tenant add NAME")
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """One tenant."""
    home = Home(args.home)
    home.require()
    tenants = in_force(home).tenant
    if (tenant := tenants.get(args.tenant)) is None:
        raise unknown("tenant", args.tenant, tenants)
    rows = balances(home, args.tenant)
    accounts = None if rows is None else by_account(rows)
    documents = [
        {"project": name, "currency": currency, "budget": it["limit"], **moved(it)}
        for (name, currency), it in (accounts or {}).items()
    ]
    out.document(
        {
            "tenant": args.tenant,
            **tenant.model_dump(mode="json"),
            "accounts": None if accounts is None else documents,
            "balances": rows,
        }
    )
    limits = {name: it for name, it in tenant.model_dump().items() if not isinstance(it, dict)}  # no tables
    out.say(f"{args.tenant}: {', '.join(f'{name} {value}' for name, value in limits.items())}")
    users = [
        {"user": name, "role": it.role, "tokens": [key[:9] for key in it.keys]} for name, it in tenant.user.items()
    ]
    limited = balance_tables([it for it in rows or () if it["kind"] != "account"])
    tables: list[Sequence[Row]] = [project_rows(tenant.project, accounts), *limited, users, issuer_rows(tenant.issuer)]
    for table in tables:
        if table:
            out.table(table, fit=True)
    if rows is None:
        out.say("held, charged and left are shown while the stack is up")
    return Exit.DONE


def add(args: Namespace, out: Output) -> Exit:
    """A new tenant with a first project and a first user, who gets a credential."""
    budget = budget_of(args.budget, args.currency)
    issued = edited(
        args,
        out,
        lambda it: it.add_tenant(
            args.tenant, share=args.share, user=args.user, project=args.project, budget=budget, file=_file(args)
        ),
    )
    code = _handed_over(args, issued, out)
    _say_unfunded(args, out)
    return code


def remove(args: Namespace, out: Output) -> Exit:
    """Remove a tenant: its users can no longer log in; its history stays, so its name stays taken."""
    edited(args, out, lambda it: it.remove_tenant(args.tenant))
    words = f"tenant {args.tenant} removed; its jobs, bills and receipts stay, so its name is not used again"
    return done(args, out, words, tenant=args.tenant)


def fund(args: Namespace, out: Output) -> Exit:
    """Set a project's budget, or change it by `+N` or `-N`."""
    budget = edited(args, out, lambda it: it.fund(args.tenant, args.project, args.amount))
    fields = {"budget": f"{budget.amount:f}", "currency": budget.currency}
    words = f"{args.project} of {args.tenant} has a budget of {budget}"
    return done(args, out, words, tenant=args.tenant, project=args.project, **fields)


def add_project(args: Namespace, out: Output) -> Exit:
    """A new project."""
    budget = budget_of(args.budget, args.currency)
    edited(args, out, lambda it: it.add_project(args.tenant, args.project, budget))
    code = done(args, out, f"project {args.project} of {args.tenant} added", tenant=args.tenant, project=args.project)
    _say_unfunded(args, out)
    return code


def add_user(args: Namespace, out: Output) -> Exit:
    """A new user with a credential."""
    return _handed_over(
        args, edited(args, out, lambda it: it.add_user(args.tenant, args.user, args.role, _file(args))), out
    )


def remove_user(args: Namespace, out: Output) -> Exit:
    """A user goes, with every token."""
    edited(args, out, lambda it: it.remove_user(args.tenant, args.user))
    return done(args, out, f"{args.user} of {args.tenant} removed", tenant=args.tenant, user=args.user)


def set_role(args: Namespace, out: Output) -> Exit:
    """Give a user another role; tokens stay valid, connections are opened again."""
    edited(args, out, lambda it: it.set_role(args.tenant, args.user, args.role))
    return done(
        args, out, f"{args.user} of {args.tenant}: {args.role}", tenant=args.tenant, user=args.user, role=args.role
    )


def new_token(args: Namespace, out: Output) -> Exit:
    """Another token for a user; the older ones stay valid until they are revoked."""
    return _handed_over(args, edited(args, out, lambda it: it.add_token(args.tenant, args.user, _file(args))), out)


def revoke_token(args: Namespace, out: Output) -> Exit:
    """A token is no longer good."""
    key = edited(args, out, lambda it: it.revoke_token(args.tenant, args.user, args.key))
    return done(args, out, f"token {key[:9]}… of {args.user} revoked", tenant=args.tenant, user=args.user)


def state_usage(args: Namespace, out: Output) -> Exit:
    """State what a job used, where its backend never does."""
    request = UsageRequest(
        tenant=args.tenant, job=args.job, measures=late_usage.measures_of(args.measures), by=args.by or author()
    )
    answer = late_usage.state_usage(operator_of(Home(args.home)), request)
    out.document(answer.model_dump(mode="json", exclude_none=True))
    out.say(f"the usage of {args.job} is final: its bill and its hold follow, see `qb jobs`")
    return Exit.DONE


def edited(args: Namespace, out: Output, edit: Callable[[TenantEditor], _T]) -> _T:
    """Make one change to the tenants of the home, with a progress line."""
    with Progress(out.as_json, "putting the tenants in force"):
        return edit(TenantEditor(Home(args.home), author()))


def done(args: Namespace, out: Output, words: str, **fields: object) -> Exit:
    """Say what was done, and what is left to do for it to be in force."""
    home = Home(args.home)
    stack = Stack.load(home)
    waiting = stack is not None and runs(stack) and not is_in_force(home)
    restart = stack is not None and stack.in_containers and not waiting
    out.document({**fields, **({"in_force": False} if waiting else {}), **({"restart": RESTARTED} if restart else {})})
    out.say(words)
    if waiting:
        out.paragraph(
            "no broker answers: what this revokes is closed on the bus, what it grants is in force after "
            f"{home.command('tenant apply')}"
        )
        return Exit.UNREACHABLE
    if restart:
        out.say("next, since nats keeps the users that it was started with, in the repository:")
        out.say(f"  {restart_command(home)}")
    return Exit.DONE


def _handed_over(args: Namespace, issued: Issued, out: Output) -> Exit:
    words = f"credential of {args.user} of {args.tenant}: {issued.file} (secret; give it to {args.user} alone)"
    return done(args, out, words, tenant=args.tenant, user=args.user, credential=str(issued.file), key=issued.key)


def _say_unfunded(args: Namespace, out: Output) -> None:
    if not budget_of(args.budget, args.currency).amount:
        out.say(f"project {args.project} has no budget yet: its jobs are refused. To give it 100 {args.currency}:")
        out.say(f"  qb tenant fund {args.tenant} {args.project} 100")


def _file(args: Namespace) -> Path | None:
    return Path(args.output) if args.output else None
