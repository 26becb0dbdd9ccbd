"""The grammar of the commands about HTTP: webhooks, tokens, the console and the sidecar."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import LINES, Group, lifetime, names, number, overlap
from queuebit_contracts.roles import SCOPES

__all__ = ["sidecar_commands", "token_commands", "webhook_commands"]


def webhook_commands(webhooks: Group) -> None:
    """Endpoints that a gateway keeps, and a receiver to try."""
    add = webhooks.command("add", "endpoints:add", "send the tenant's events to a URL", client=True)
    add.add_argument("to", metavar="TARGET", help="such as https://example.com/hook, or s3://acme-results/queuebit")
    _types(add)
    add.add_argument("--description", default="", metavar="TEXT", help="for people")
    add.add_argument("--handshake", action="store_true", help="ask the receiver first, as CloudEvents has it")
    add.add_argument("--keys", default="", metavar="NAME", help="of a bucket: those that the operator keeps")
    webhooks.command("list", "endpoints:list_all", "list webhooks", client=True)
    for word, text in (
        ("show", "show a webhook"),
        ("remove", "remove a webhook: nothing more is sent"),
        ("test", "send a test event now, and show the answer"),
        ("deliveries", "list the newest deliveries of a webhook"),
        ("replay", "send an event again, or a range of events"),
        ("enable", "use a webhook again that the receiver disabled by 410"),
        ("rotate", "give a webhook a new secret"),
    ):
        command = webhooks.command(word, f"endpoints:{word}", text, client=True)
        command.add_argument("webhook", metavar="ID", help="its id, or the beginning of it")
        if word == "deliveries":
            command.add_argument("--limit", type=number(1, 100), default=20, metavar="N", help="how many (20)")
        if word == "replay":
            command.add_argument(
                "n", nargs="?", type=number(1), metavar="N", help="one event, as `deliveries` shows it"
            )
            command.add_argument("--after", type=number(0), metavar="N", help="a range: the events after this one")
            command.add_argument("--until", type=number(1), metavar="N", help="up to this one (the newest)")
        if word == "enable":
            command.add_argument("--skip-missed", action="store_true", help="only what is stored from now on")
        if word == "rotate":
            command.add_argument(
                "--overlap", type=overlap, default=86_400, metavar="TIME",
                help="how long the secret before is good, too: such as 15m, 24h or 0 (24h)",
            )  # fmt: skip
    text = "send events of the tenant's jobs to a URL, signed, until Ctrl-C: to try a receiver"
    listen = webhooks.command("listen", "webhooks:listen", text, client=True, json=LINES, anywhere=False)
    listen.add_argument("--forward-to", required=True, metavar="URL", help="such as http://127.0.0.1:8000/hook")
    _types(listen)


def _types(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--types", type=names, default=(), metavar="T", help="only these, such as job.completed,job.failed"
    )


def token_commands(words: Group) -> None:
    """Tokens, and the console that uses one."""
    token = words.command("token", "tokens:token", "a short-lived token for HTTP; or list or revoke them", client=True,
                          anywhere=False)  # fmt: skip
    token.add_argument("action", nargs="?", choices=("new", "list", "revoke"), default="new", metavar="ACTION",
                       help="new, list or revoke (new)")  # fmt: skip
    token.add_argument("delegation", nargs="?", metavar="ID", help="which one to revoke, as `list` shows it")
    token.add_argument(
        "--for", type=lifetime, dest="lifetime", metavar="TIME", help="its life, such as 90s, 15m or 12h (1h)"
    )
    token.add_argument(
        "--scope", choices=SCOPES, metavar="SCOPE", help=f"{', '.join(SCOPES)} (what your role allows, up to submit)"
    )
    token.add_argument("--project", metavar="P", help="it submits to this project only")
    console = words.command("console", "tokens:console", "open the web console, logged in", client=True, anywhere=False)
    console.add_argument(
        "--for", type=lifetime, dest="lifetime", metavar="TIME", help="how long it stays logged in (8h)"
    )
    console.add_argument(
        "--scope", choices=SCOPES, metavar="SCOPE", help=f"{', '.join(SCOPES)} (what your role allows)"
    )
    console.add_argument("--url", dest="gateway", metavar="URL", help="of the gateway (that of the home's stack)")
    console.add_argument("--no-open", action="store_true", help="only print the address")


def sidecar_commands(words: Group) -> None:
    """A gateway beside a program."""
    text = "a gateway on a Unix socket, for a program that has no credentials; Ctrl-C ends it"
    sidecar = words.command("sidecar", "sidecar:sidecar", text, client=True)
    sidecar.add_argument("--socket", metavar="PATH", help="where to listen (sidecar.sock in the home)")
    sidecar.add_argument(
        "--key", metavar="K", help="makes keys for jobs that have none: an equal request is the same job"
    )
    sidecar.add_argument("--scope", choices=SCOPES, default="submit", metavar="SCOPE", help="what it may do (submit)")
