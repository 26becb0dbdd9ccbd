"""`qb tenant finance …`: logins that read the charges of some tenants in the warehouse, and write nothing."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.output import Output
from queuebit_contracts.finance import PREFIX
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.finance_logins import add_login, finance_logins, remove_login
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack

__all__ = ["add", "list_logins", "remove"]


def add(args: Namespace, out: Output) -> Exit:
    """A login with a secret that is shown once."""
    home = Home(args.home)
    home.require()
    stack = Stack.load(home)
    if stack is not None and stack.in_containers:
        text = "a ClickHouse server has its own users: deploy/clickhouse/finance.sql makes such a login there"
        raise Stop(Exit.REFUSED, text)
    login = add_login(home, args.name, args.tenants)
    url = stack.listens.get("warehouse") if stack is not None else None
    shown = {"user": login.user, "password": login.password, "tenants": list(args.tenants), "url": url}
    out.document(shown)
    out.say(f"url       {url or 'shown by `qb status` while the stack runs'}")
    out.say(f"user      {login.user}\npassword  {login.password}")
    out.paragraph(
        f"reads the rows of {', '.join(args.tenants)} with any ClickHouse client, and writes nothing; "
        "the password is shown only now, and adding the login again makes a new one"
    )
    return Exit.DONE


def list_logins(args: Namespace, out: Output) -> Exit:
    """All finance logins."""
    home = Home(args.home)
    home.require()
    found = sorted(finance_logins(home).login.items())
    rows = [{"login": name, "user": PREFIX + name, "tenants": list(it.tenants)} for name, it in found]
    out.rows(rows, none="no finance login: qb tenant finance add NAME --tenants A,B")
    return Exit.DONE


def remove(args: Namespace, out: Output) -> Exit:
    """A login goes; its next request is refused."""
    home = Home(args.home)
    home.require()
    remove_login(home, args.name)
    out.document({"removed": args.name})
    out.say(f"{PREFIX}{args.name} can no longer log in")
    return Exit.DONE
