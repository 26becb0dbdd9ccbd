"""The grammar of `qb backend`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["fleet_commands"]


def fleet_commands(backend: Group) -> None:
    """Backends that are isolated."""
    backend.command(
        "status", "fleet:status", "whether each backend is in service: since when, by whom, why, when it may return"
    )
    for name, text in (
        ("isolate", "take a backend out of service: it gets no jobs, and placed ones move"),
        ("readmit", "put an isolated backend into service again"),
    ):
        order = backend.command(name, f"fleet:{name}", text)
        order.add_argument("backend", metavar="BACKEND")
        order.add_argument("--reason", required=True, metavar="TEXT", help="for those who read it later")
        order.add_argument("--by", metavar="NAME", help="who decides it (the user of this machine)")
    check = backend.command("check", "fleet:check", "check the limits in fleet.toml")
    check.add_argument("file", nargs="?", metavar="FILE", help="(fleet.toml of the home)")
