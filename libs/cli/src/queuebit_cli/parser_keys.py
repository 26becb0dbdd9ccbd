"""The grammar of `qb keys`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["key_commands"]


def key_commands(keys: Group) -> None:
    """The keys that sign receipts."""
    keys.command("list", "keys:list_", "the keys of the log, in use and replaced")
    rotate = keys.command("rotate", "keys:rotate", "replace the keys; the stack must be down")
    rotate.add_argument("--profile", choices=("default", "cnsa2"), help="of the new keys (that of the old ones)")
    rotate.add_argument("--passphrase-file", metavar="FILE", help="with the passphrase of encrypted keys")
    text = "with references of new keys that a device or a service keeps"
    rotate.add_argument("--signers", metavar="FILE", help=text)
    text = "replace a trust document by its successor, if the keys that it lists signed the change"
    accept = keys.command("accept", "keys:accept", text)
    accept.add_argument("new", metavar="NEW", help="the new trust document")
    accept.add_argument(
        "--rotation", metavar="FILE", required=True, help="the signed change: rotation-N.json of the keys"
    )
    accept.add_argument("--trust", metavar="FILE", required=True, help="the document that you trust; it is replaced")
