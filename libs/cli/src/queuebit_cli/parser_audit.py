"""The grammar of `qb audit`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, moment, number

__all__ = ["audit_commands"]

_ABOUT = (
    *("money", "keys", "roles", "policies", "results", "configuration", "work", "operation", "reads", "refusals"),
)


def audit_commands(words: Group) -> None:
    """The audit trail; without a command it is listed."""
    listed = words.command("audit", "audit:show", "who did what to money, keys, roles, policies and results")
    _selection(listed)
    listed.add_argument("--limit", type=number(1), default=200, metavar="N", help="the newest N (200)")
    audit = Group(listed, required=False)
    export = audit.command("export", "audit:export", "write a signed bundle for an auditor")
    export.add_argument("file", metavar="FILE", help="where; only you can read it")
    _selection(export)
    export.add_argument("--no-receipts", dest="receipts", action="store_false", help="without receipts of sealed jobs")
    export.add_argument("--passphrase-file", metavar="FILE", help="with the passphrase of encrypted keys")
    verify = audit.command("verify", "audit:verify", "verify a bundle, offline")
    verify.add_argument("file", metavar="FILE", help="a bundle of `qb audit export`")
    verify.add_argument("--trust", metavar="FILE", help="the trust document (trust.json of the home)")
    forward = audit.command("forward", "audit_forward:forward", "deliver records to a SIEM; Ctrl-C ends it")
    forward.add_argument("--to", required=True, metavar="WHERE", help="jsonl:FILE, syslog:HOST:PORT or hec:URL")
    forward.add_argument("--tenant", metavar="T", help="of this tenant; without it of all, and of the platform itself")
    forward.add_argument("--cursor", metavar="FILE", help="of what was delivered (audit-KIND.cursor, in the home)")
    forward.add_argument("--token-file", metavar="FILE", help="with the token of an event collector")
    forward.add_argument("--ca-file", metavar="FILE", help="with the authority of its certificate")
    forward.add_argument("--once", action="store_true", help="end when everything up to now is delivered")


def _selection(command: ArgumentParser) -> None:
    command.add_argument("--tenant", metavar="T", help="of this tenant; without it of all, and of the platform itself")
    command.add_argument("--since", type=moment, metavar="TIME", help="stored from then on, such as 2026-11-01, in UTC")
    command.add_argument("--until", type=moment, metavar="TIME", help="stored before then")
    command.add_argument("--actor", metavar="NAME", help="by this person, service or public key")
    text = f"such as account.fund, account, or one of {', '.join(_ABOUT)}"
    command.add_argument("--action", metavar="A", help=text)
