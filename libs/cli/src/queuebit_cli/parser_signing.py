"""The grammar of `qb sign` and `qb verify-file`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["signing_commands"]


def signing_commands(words: Group) -> None:
    """Signatures of files, without a stack."""
    sign = words.command("sign", "signing:sign", "sign files with Ed25519 and ML-DSA-65", client=True, anywhere=False)
    sign.add_argument("files", nargs="+", metavar="FILE", help="each gets a signature beside it: FILE.dsse.json")
    sign.add_argument("--keys", metavar="DIR", help="the folder of the private keys (signing, in the home)")
    sign.add_argument("--signer", metavar="NAME", help="makes keys if there are none, such as acme.example/releases")
    sign.add_argument("--source", metavar="TEXT", help="what they were made from, such as a commit; signed too")
    sign.add_argument("--leaf", action="store_true", help="also a leaf of the log: FILE.tlog-proof; needs the stack")
    verify = words.command("verify-file", "signing:verify", "verify the signature of a file, offline")
    verify.add_argument("file", metavar="FILE", help="the file; its signature is FILE.dsse.json")
    verify.add_argument("--signature", metavar="FILE", help="another place of the signature")
    text = "the trust document of the signer, from another source than the file (signing/trust.json, in the home)"
    verify.add_argument("--trust", metavar="FILE", help=text)
    text = "the trust document of a log: the signature must be a leaf of it"
    verify.add_argument("--log-trust", metavar="FILE", help=text)
    verify.add_argument("--leaf", metavar="FILE", help="another place of the proof of the leaf (FILE.tlog-proof)")
    text = "verifier keys of witnesses that must have cosigned the head of that log; with --log-trust"
    verify.add_argument("--witnesses", metavar="FILE", help=text)
