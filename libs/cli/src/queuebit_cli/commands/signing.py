"""`qb sign` and `qb verify-file`: signatures of files."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.artefacts import LEAF_SUFFIX, SUFFIX, sign_file, signing_keys, verify_file
from queuebit.errors import NotVerified
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_kernel import rfc3339
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["sign", "verify"]

_KEYS = "signing"


def sign(args: Namespace, out: Output) -> Exit:
    """Write a signature beside each file."""
    folder = Path(args.keys) if args.keys else Path(args.home) / _KEYS
    keys = signing_keys(folder, args.signer)
    signed = [(Path(it), sign_file(it, keys, source=args.source)) for it in args.files]

    async def logged(client: AsyncClient) -> list[str]:
        return [await client.log_signature(envelope) for _, envelope in signed]

    proofs = ask(args, out, "waiting for the log", logged) if args.leaf else [None for _ in signed]
    rows = []
    for (file, envelope), proof in zip(signed, proofs, strict=True):
        row = {"file": str(file), "signature": _written(file, SUFFIX, envelope + b"\n")}
        rows.append(row if proof is None else row | {"leaf": _written(file, LEAF_SUFFIX, proof.encode())})
    trust = folder / "trust.json"
    out.document({"signer": keys.origin, "trust": str(trust), "fingerprint": keys.trust.fingerprint(), "files": rows})
    out.table(rows)
    out.say()
    out.say(f"signed by {keys.origin}; publish {trust}, which verifies it:")
    out.say(f"  {keys.trust.fingerprint()}")
    return Exit.DONE


def _written(file: Path, suffix: str, content: bytes) -> str:
    target = file.with_name(file.name + suffix)
    try:
        target.write_bytes(content)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{target} cannot be written: {error.strerror}") from error
    return str(target)


def verify(args: Namespace, out: Output) -> Exit:
    """Verify a file: 0 if both signatures hold and it is the signed file, else 1."""
    signature = Path(args.signature) if args.signature else Path(args.file + SUFFIX)
    trust = Path(args.trust) if args.trust else Path(args.home) / _KEYS / "trust.json"
    if args.witnesses and not args.log_trust:
        args.misused("--witnesses are of a log: give --log-trust too")
    log = {"leaf": _leaf(args), "log_trust": args.log_trust, "witnesses": args.witnesses}
    try:
        found = verify_file(args.file, signature, trust, **log)
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
            "leaf": None if found.leaf is None else asdict(found.leaf) | {"signed_at": rfc3339(found.leaf.signed_at)},
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
    if found.leaf is not None:
        out.say(
            f"  leaf {found.leaf.index} of {found.leaf.origin}, before {found.leaf.signed_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    return Exit.DONE


def _leaf(args: Namespace) -> Path | None:
    """The proof of the leaf, if there is one."""
    file = Path(args.leaf or args.file + LEAF_SUFFIX)
    return file if args.leaf or file.exists() else None
