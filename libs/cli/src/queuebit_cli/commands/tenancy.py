"""`qb tenant …`: edits the tenants file, keeps its comments, and puts it in force."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path

import tomlkit

from queuebit.records import Row
from queuebit_cli.commands.directory import current, tell_restart
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_tables import balance_rows
from queuebit_kernel import InvalidId, require_token
from queuebit_runtime.keys import new_seed, public_key
from queuebit_stack.balances import NOTHING, balances, by_account
from queuebit_stack.bootstrap import is_in_force, kept_credentials, read_tenants, write_credential
from queuebit_stack.containers import RESTARTED
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack
from queuebit_stack.tenant_facts import author, runs
from queuebit_stack.tenants_file import Toml, editing, project_in, tenant_in, unknown, user_in

__all__ = [
    "add",
    "add_project",
    "add_user",
    "amount_of",
    "done",
    "editing_tenants",
    "fund",
    "list_tenants",
    "new_token",
    "remove",
    "remove_user",
    "revoke_token",
    "show",
]


def list_tenants(args: Namespace, out: Output) -> Exit:
    """Every tenant."""
    home = Home(args.home)
    home.require()
    rows = [
        {"tenant": name, "share": it.share, "projects": list(it.project), "users": list(it.user)}
        for name, it in current(home).tenant.items()
    ]
    out.rows(rows, none="no tenant: qb tenant add NAME")
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """One tenant."""
    home = Home(args.home)
    home.require()
    tenants = current(home).tenant
    if (tenant := tenants.get(args.name)) is None:
        raise unknown("tenant", args.name, tenants)
    rows = balances(home, args.name)
    by_name = None if rows is None else by_account(rows)
    out.document(
        {"tenant": args.name, **tenant.model_dump(mode="json"), "accounts": _documents(by_name), "balances": rows}
    )
    limits = tenant.model_dump(exclude={"project", "user", "budget"})
    out.say(f"{args.name}: {', '.join(f'{name} {value}' for name, value in limits.items())}")
    projects = [
        {
            "project": name,
            "budget": {"amount": it.budget, "currency": it.currency},
            **({} if by_name is None else _money_of(by_name.get((name, it.currency), NOTHING), it.currency)),
            "backends": list(it.backends),
            "default kind": it.default_kind,
        }
        for name, it in tenant.project.items()
    ]
    users = [
        {"user": name, "role": it.role, "tokens": ", ".join(key[:9] for key in it.keys)}
        for name, it in tenant.user.items()
    ]
    budgets = balance_rows([it for it in rows or () if it["kind"] == "budget"])
    for table in (projects, budgets, users):
        for line in out.lines(table, fit=True) if table else ():
            out.say(line)
    if by_name is None:
        out.say("held, charged and left are shown while the stack is up")
    return Exit.DONE


def _documents(by_name: Mapping[tuple[str, str], Row] | None) -> list[Row] | None:
    if by_name is None:
        return None
    return [
        {"project": name, "currency": currency, "budget": it["limit"], **_moved(it)}
        for (name, currency), it in by_name.items()
    ]


def _money_of(account: Row, currency: str) -> dict[str, object]:
    return {name: {"amount": amount, "currency": currency} for name, amount in _moved(account).items()}


def _moved(account: Row) -> dict[str, object]:
    return {"held": account["held"], "charged": account["spent"], "left": account["left"]}


def add(args: Namespace, out: Output) -> Exit:
    """A new tenant with a first project and a first user, who gets a credential."""
    home = Home(args.home)
    _require_output(args)
    with editing_tenants(home, out) as document:
        tenants = document.setdefault("tenant", tomlkit.table(is_super_table=True))
        if _name(args.name, "tenant") in tenants:
            raise Stop(Exit.REFUSED, f"there is a tenant {args.name} already: see `qb tenant show {args.name}`")
        if refusal := read_tenants(home).refusal(args.name):
            raise Stop(Exit.REFUSED, refusal)
        tenant = tomlkit.table()
        tenant["share"] = args.share
        tenant["project"] = {
            _name(args.project, "project"): {"budget": amount_of(args.budget), "currency": args.currency}
        }
        tenants[args.name] = tenant
        seed = _give_token(tenant.setdefault("user", tomlkit.table()), _name(args.user, "user"), role="admin")
    code = _hand_over(home, seed, args.project, args, out)
    _tell_unfunded(args, out)
    return code


def remove(args: Namespace, out: Output) -> Exit:
    """Remove a tenant: its users can no longer log in; its history stays, so its name stays taken."""
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        tenant_in(document, args.name)
        del document["tenant"][args.name]
        document["removed"] = [*document.get("removed", ()), args.name]
    for path in kept_credentials(home, args.name):
        path.unlink()
    words = f"tenant {args.name} removed; its jobs, bills and receipts stay, so its name is not used again"
    return done(home, out, words, tenant=args.name)


def fund(args: Namespace, out: Output) -> Exit:
    """Set a project's budget, or change it by `+N` or `-N`."""
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        project = project_in(document, args.name, args.project)
        text = args.amount.strip()
        relative = text.startswith(("+", "-"))
        amount = Decimal(amount_of(text[relative:]))
        if relative:
            amount = Decimal(str(project.get("budget", "0"))) + (-amount if text.startswith("-") else amount)
        if amount < 0:
            raise Stop(Exit.REFUSED, "a budget cannot be negative")
        project["budget"] = f"{amount:f}"
    currency = project.get("currency", "USD")
    words = f"{args.project} of {args.name} has a budget of {amount:f} {currency}"
    return done(home, out, words, tenant=args.name, project=args.project, budget=f"{amount:f}", currency=currency)


def add_project(args: Namespace, out: Output) -> Exit:
    """A new project."""
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        projects = tenant_in(document, args.name).setdefault("project", tomlkit.table(is_super_table=True))
        if _name(args.project, "project") in projects:
            raise Stop(Exit.REFUSED, f"there is a project {args.project} already")
        projects[args.project] = {"budget": amount_of(args.budget), "currency": args.currency}
    code = done(home, out, f"project {args.project} of {args.name} added", tenant=args.name, project=args.project)
    _tell_unfunded(args, out)
    return code


def add_user(args: Namespace, out: Output) -> Exit:
    """A new user with a credential."""
    home = Home(args.home)
    _require_output(args)
    with editing_tenants(home, out) as document:
        tenant = tenant_in(document, args.name)
        users = tenant.setdefault("user", tomlkit.table(is_super_table=True))
        if _name(args.user, "user") in users:
            raise Stop(Exit.REFUSED, f"there is a user {args.user} already: `qb tenant token new` gives another token")
        seed = _give_token(users, args.user, role=args.role)
    return _hand_over(home, seed, _first_project(tenant), args, out)


def remove_user(args: Namespace, out: Output) -> Exit:
    """A user goes, with every token."""
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        user_in(document, args.name, args.user)
        del document["tenant"][args.name]["user"][args.user]
    for path in kept_credentials(home, args.name, args.user):
        path.unlink()
    return done(home, out, f"{args.user} of {args.name} removed", tenant=args.name, user=args.user)


def new_token(args: Namespace, out: Output) -> Exit:
    """Another token for a user; the older ones stay good until they are revoked."""
    home = Home(args.home)
    _require_output(args)
    with editing_tenants(home, out) as document:
        user = user_in(document, args.name, args.user)
        seed = new_seed()
        user["keys"] = [*user.get("keys", ()), public_key(seed)]
    return _hand_over(home, seed, _first_project(tenant_in(document, args.name)), args, out)


def revoke_token(args: Namespace, out: Output) -> Exit:
    """A token is no longer good."""
    home = Home(args.home)
    with editing_tenants(home, out) as document:
        user = user_in(document, args.name, args.user)
        fitting = [key for key in user.get("keys", ()) if key.startswith(args.key)]
        if len(fitting) != 1:
            raise Stop(
                Exit.REFUSED,
                f"{len(fitting)} tokens of {args.user} begin with {args.key}: see `qb tenant show {args.name}`",
            )
        user["keys"] = [key for key in user["keys"] if key != fitting[0]]
    return done(home, out, f"token {fitting[0][:9]}… of {args.user} revoked", tenant=args.name, user=args.user)


@contextmanager
def editing_tenants(home: Home, out: Output) -> Iterator[Toml]:
    """The tenants file, which comes into force when the block ends well."""
    with Progress(out.as_json, "putting the tenants in force"), editing(home, author()) as document:
        yield document


def _hand_over(home: Home, seed: str, project: str, args: Namespace, out: Output) -> Exit:
    """Keep a credential in the home, or put it where it was asked for, ready to be given away."""
    tenant, user = args.name, args.user
    stack = Stack.load(home)
    url = f"nats://127.0.0.1:{stack.ports['nats-server']}" if stack else None
    path = Path(args.output).absolute() if args.output else None
    try:
        kept = write_credential(home, tenant, user, seed, project=project, path=path, url=url)
    except OSError as error:
        again = f"qb tenant token new {tenant} {user}"
        raise Stop(
            Exit.REFUSED,
            f"{user} of {tenant} has a new token, and its credential cannot be written: {error.strerror}; "
            f"`{again}` makes another, the lost one is no use to anybody",
        ) from error
    words = f"credential of {user} of {tenant}: {kept} (secret; give it to {user} alone)"
    return done(home, out, words, tenant=tenant, user=user, credential=str(kept), key=public_key(seed))


def _tell_unfunded(args: Namespace, out: Output) -> None:
    if not Decimal(args.budget):
        out.say(f"project {args.project} has no budget yet: its jobs are refused. To give it 100 {args.currency}:")
        out.say(f"  qb tenant fund {args.name} {args.project} 100")


def _require_output(args: Namespace) -> None:
    if args.output:
        require_place(Path(args.output))


def done(home: Home, out: Output, words: str, **fields: object) -> Exit:
    """Say what was done, and what is left to do for it to be in force."""
    stack = Stack.load(home)
    up = stack is not None and runs(stack)
    waiting = up and not is_in_force(home)
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
        tell_restart(home, out)
    return Exit.DONE


def _give_token(users: Toml, user: str, *, role: str) -> str:
    seed = new_seed()
    users[user] = {"role": role, "keys": [public_key(seed)]}
    return seed


def _first_project(tenant: Toml) -> str:
    return next(iter(tenant.get("project", {})), "")


def amount_of(text: str) -> str:
    """An amount that a person wrote, not negative; raises `Stop`."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount < 0:
        raise Stop(Exit.USAGE, f"{text!r} is not an amount: write it like 250 or 12.50")
    return f"{amount:f}"


def _name(text: str, what: str) -> str:
    try:
        return require_token(text, what)
    except InvalidId as error:
        raise Stop(Exit.USAGE, str(error)) from error
