"""`qb sign` and `qb verify-file`: signatures of files."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from queuebit.artefacts import SUFFIX, sign_file, signing_keys, verify_file
from queuebit.errors import NotVerified
from queuebit_cli.output import Output
from queuebit_kernel import rfc3339
from queuebit_stack.errors import Exit, Stop

__all__ = ["sign", "verify"]

_KEYS = "signing"


def sign(args: Namespace, out: Output) -> Exit:
    """Write a signature beside each file."""
    folder = Path(args.keys) if args.keys else Path(args.home) / _KEYS
    keys = signing_keys(folder, args.signer)
    signed = [(Path(it), sign_file(it, keys, source=args.source)) for it in args.files]
    rows = []
    for file, envelope in signed:
        target = file.with_name(file.name + SUFFIX)
        try:
            target.write_bytes(envelope + b"\n")
        except OSError as error:
            raise Stop(Exit.USAGE, f"{target} cannot be written: {error.strerror}") from error
        rows.append({"file": str(file), "signature": str(target)})
    trust = folder / "trust.json"
    out.document({"signer": keys.origin, "trust": str(trust), "fingerprint": keys.trust.fingerprint(), "files": rows})
    out.table(rows)
    out.say()
    out.say(f"signed by {keys.origin}; publish {trust}, which verifies it:")
    out.say(f"  {keys.trust.fingerprint()}")
    return Exit.DONE


def verify(args: Namespace, out: Output) -> Exit:
    """Verify a file: 0 if both signatures hold and it is the signed file, else 1."""
    signature = Path(args.signature) if args.signature else Path(args.file + SUFFIX)
    trust = Path(args.trust) if args.trust else Path(args.home) / _KEYS / "trust.json"
    try:
        found = verify_file(args.file, signature, trust)
    except NotVerified as error:
        out.document({"verified": False, "text": str(error)})
        raise
    out.document(
        {
            "verified": True,
            "file": args.file,
            "signed_as": found.name,
            "digest": found.digest,
            "signer": found.signer,
            "signed_at": rfc3339(found.signed_at),
            "source": found.source,
            "key_ids": list(found.key_ids),
        }
    )
    out.say(
        f"{args.file} is verified: signed as {found.name} by {found.signer}, {found.signed_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    out.say(f"  {found.digest}")
    if found.source is not None:
        out.say(f"  made from {found.source}")
    for key in found.key_ids:
        out.say(f"  {key}")
    return Exit.DONE
