"""The grammar of `qb master-key`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["master_key_commands"]


def master_key_commands(group: Group) -> None:
    """The key with which the stores of a home are encrypted."""
    text = "encrypt the stores of the home with another key; the stack must be down"
    replace = group.command("replace", "master_key:replace", text)
    place = replace.add_mutually_exclusive_group()
    text = "with the new key (a new one, beside that of the account)"
    place.add_argument("--file", metavar="FILE", help=text)
    place.add_argument("--vault", metavar="PATH#FIELD", help="of the new key in Vault")
