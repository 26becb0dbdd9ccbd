"""`qb token` and `qb console`: short-lived tokens that act for a user over HTTP."""

from __future__ import annotations

import webbrowser
from argparse import Namespace
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from queuebit_cli.connecting import ask, home_gateway
from queuebit_cli.output import Output
from queuebit_cli.render_tables import end_time
from queuebit_cli.tables import Row
from queuebit_contracts.issuers import LOOPBACK
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit.delegating import Delegated

__all__ = ["console", "token", "token_rows"]

_CONSOLE_S = 8 * 3600


def token(args: Namespace, out: Output) -> Exit:
    """Print a new token; or list the tenant's, or revoke one."""
    if args.action == "list":
        return _list(args, out)
    if args.action == "revoke":
        return _revoke(args, out)
    made = _delegated(args, out, args.scope, args.lifetime)
    it = made.delegation
    out.document({"access_token": made.token, **it.model_dump(mode="json")})
    out.say(made.token)
    out.aside(
        f"acts for {it.user} of {it.tenant}, scope {it.scope}{f', project {it.project}' if it.project else ''}, until "
        f"{end_time(it.model_dump(mode='json')['expires_at'])}; `qb token revoke {it.delegation}` ends it"
    )
    return Exit.DONE


def console(args: Namespace, out: Output) -> Exit:
    """Open the web console, logged in; the token is in the fragment of the address, which no server sees."""
    base = args.gateway.rstrip("/") if args.gateway else home_gateway(args)
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or (parts.scheme == "http" and parts.hostname not in LOOPBACK):
        raise Stop(Exit.USAGE, "--url must begin with https://: a token may cross the network only encrypted")
    made = _delegated(args, out, args.scope, args.lifetime or _CONSOLE_S, widest="admin")
    url = f"{base}/console/#token={made.token}"
    out.document({"url": url, "delegation": made.delegation.delegation})
    out.say(url)
    if not (args.no_open or out.as_json):
        webbrowser.open(_redirect(Home(args.home), url).as_uri())
    return Exit.DONE


def _redirect(home: Home, url: str) -> Path:
    """A private page that leads to the console: the command line of a browser is readable by all users of a machine."""
    home.root.mkdir(parents=True, exist_ok=True)
    page = home.root / "console.html"
    meta = f'<meta http-equiv="refresh" content="0; url={escape(url)}">'
    write_private(page, f"<!doctype html>{meta}<title>Queuebit</title><a href={escape(url)!r}>Open the console</a>\n")
    return page


def _list(args: Namespace, out: Output) -> Exit:
    from queuebit.delegating import delegations

    rows = ask(args, out, "asking the broker", delegations)
    out.rows(rows, none="no token of this tenant is valid: `qb token` makes one", shown=token_rows)
    return Exit.DONE


def _revoke(args: Namespace, out: Output) -> Exit:
    from queuebit.delegating import revoke

    if args.delegation is None:
        args.misused("which token? `qb token list` shows their ids")
    ended = ask(args, out, "asking the broker", lambda client: revoke(client, args.delegation))
    out.document({"revoked": ended.delegation, "user": ended.user})
    out.say(f"token {ended.delegation} of {ended.user} is revoked")
    return Exit.DONE


def _delegated(
    args: Namespace, out: Output, scope: str | None, lifetime_s: int | None, widest: str = "submit"
) -> Delegated:
    from queuebit.delegating import delegate

    if lifetime_s is not None and lifetime_s > 12 * 3600:
        args.misused("a token lives 12h at most: make a new one then")
    project = getattr(args, "project", None)
    return ask(
        args,
        out,
        "asking the broker",
        lambda client: delegate(client, scope=scope, project=project, lifetime_s=lifetime_s, widest=widest),
    )


def token_rows(rows: Sequence[Row]) -> list[Row]:
    """Delegated keys for people."""
    return [
        {
            "token": row["delegation"],
            "user": row["user"],
            "scope": row["scope"],
            "project": row["project"],
            "from": row["issuer"] or "own token",
            "subject": row["subject"],
            "until": end_time(row["expires_at"]),
            "ended": row["ended"],
        }
        for row in rows
    ]
