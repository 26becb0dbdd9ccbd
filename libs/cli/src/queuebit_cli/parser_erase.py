"""The grammar of `qb erase`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["erase_commands"]


def erase_commands(words: Group) -> None:
    """Erasure of stored contents."""
    erase = words.command("erase", "erase:erase", "erase stored circuits and results of a tenant; proofs stay valid")
    erase.add_argument("tenant", metavar="TENANT")
    erase.add_argument("--user", metavar="U", help="only those of the jobs of this user")
    erase.add_argument("--job", metavar="JOB", action="append", default=[], help="only those of this job; repeatable")
    erase.add_argument("--reason", metavar="TEXT", help="why, such as the number of the request; needed to erase")
    erase.add_argument("--dry-run", action="store_true", help="show what would be erased, and what stays")
