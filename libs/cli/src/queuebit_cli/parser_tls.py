"""The grammar of `qb tls` and `qb hops`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["tls_commands"]


def tls_commands(words: Group) -> None:
    """Certificates of servers, and how connections are encrypted."""
    tls = words.group("tls", "certificates of the bus and the gateway, by an authority of your own")
    init = tls.command("init", "tls:init", "make an authority if there is none, and a certificate for servers by it")
    init.add_argument("folder", nargs="?", metavar="DIR", help="where the files are written (tls, in the home)")
    init.add_argument(
        "--name",
        action="append",
        metavar="HOST",
        help="name or address under which clients reach the servers; repeated (localhost, 127.0.0.1, ::1)",
    )
    hops = words.command("hops", "tls:hops", "which connections are encrypted, and which are post-quantum")
    text = "such as nats://bus.example:4222 or https://gateway.example (those of the home's stack)"
    hops.add_argument("addresses", nargs="*", metavar="ADDRESS", help=text)
