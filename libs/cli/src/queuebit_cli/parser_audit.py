"""The grammar of `qb audit`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, moment, number

__all__ = ["audit_commands"]


def audit_commands(words: Group) -> None:
    """The audit trail; without a command it is listed."""
    listed = words.command("audit", "audit:show", "who did what to money, keys, roles, policies and results")
    _selection(listed)
    listed.add_argument("--limit", type=number(1), default=200, metavar="N", help="the newest N (200)")


def _selection(command: ArgumentParser) -> None:
    command.add_argument("--tenant", metavar="T", help="of this tenant; without it of all, and of the platform itself")
    command.add_argument("--since", type=moment, metavar="TIME", help="stored from then on, such as 2026-11-01, in UTC")
    command.add_argument("--actor", metavar="NAME", help="by this person, service or public key")
    text = (
        "such as account.fund, account, or one of money, keys, roles, policies, results, configuration, work, operation"
    )
    command.add_argument("--action", metavar="A", help=text)
