"""The grammar of `qb checkpoint`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, number

__all__ = ["checkpoint_commands"]


def checkpoint_commands(checkpoint: Group) -> None:
    """The signed head of the log, and who else signed it."""
    text = "verify all files of the log, and that it continues what it was"
    verify = checkpoint.command("verify", "checkpoints:verify", text)
    verify.add_argument("earlier", nargs="*", metavar="FILE", help="receipts or checkpoints that were issued earlier")
    _log(verify)
    _trust(verify)
    verify.add_argument("--witnesses", metavar="FILE", help="keys of witnesses, one a line; all must have signed")
    verify.add_argument("--checkpoint", metavar="FILE", help="with cosignatures (the one in the log)")

    request = checkpoint.command("request", "checkpoints:request", "write what witnesses sign: the head with its proof")
    request.add_argument("--old", type=number(0), default=0, metavar="N", help="entries that the witness knows (0)")
    _log(request)
    _trust(request)
    _output(request)

    cosign = checkpoint.command("cosign", "checkpoints:cosign", "as a witness: sign a head that continues the last one")
    cosign.add_argument("request", metavar="REQUEST", help="from `qb checkpoint request`")
    cosign.add_argument("--witness", metavar="DIR", required=True, help="the folder of the witness")
    cosign.add_argument("--name", metavar="NAME", help="of a new witness, such as witness.example.org/w1")
    _trust(cosign)
    _output(cosign)

    add = checkpoint.command("add", "checkpoints:add", "add the lines of witnesses to the head that they signed")
    add.add_argument("request", metavar="REQUEST", help="what they were sent")
    add.add_argument("answer", metavar="ANSWER", nargs="+", help="files with their lines")
    add.add_argument("--witnesses", metavar="FILE", required=True, help="their keys, one a line")
    _trust(add)
    _output(add)


def _log(parser: ArgumentParser) -> None:
    parser.add_argument("--log", metavar="DIR", help="a copy of the published log (that of the home)")


def _trust(parser: ArgumentParser) -> None:
    parser.add_argument("--trust", metavar="FILE", help="the trust document (trust.json of the home)")


def _output(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", help="write it there (print it)")
