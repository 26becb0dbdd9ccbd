"""`qb keys`: the keys that sign receipts and the heads of the log."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from queuebit.receipt_files import read_trust
from queuebit_cli.output import Output
from queuebit_kernel import SystemClock, rfc3339
from queuebit_runtime.secrets import read_secret
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.recovery.anew import stopped

if TYPE_CHECKING:
    from queuebit_proof import TrustRoot

__all__ = ["accept", "list_", "rotate"]

_MOST_BYTES = 1024 * 1024


def list_(args: Namespace, out: Output) -> Exit:
    """List the public keys in the trust document of the home."""
    trust = _trust(Home(args.home).trust_file)
    keys = [
        {
            "purpose": str(it.purpose),
            "algorithm": str(it.algorithm),
            "id": it.key_id,
            "from": rfc3339(it.valid_from),
            "until": rfc3339(it.valid_until) if it.valid_until else None,
        }
        for it in trust.keys
    ]
    head = {"log": trust.origin, "version": trust.version, "profile": str(trust.current.profile)}
    out.document({**head, "fingerprint": trust.fingerprint(), "keys": keys})
    out.say(f"log {trust.origin}, trust document version {trust.version}, profile {trust.current.profile}")
    out.say(f"fingerprint {trust.fingerprint()}")
    shown = [{**it, "until": it["until"] or "in use"} for it in keys]
    for line in out.lines(shown, fit=True):
        out.say(line)
    return Exit.DONE


def rotate(args: Namespace, out: Output) -> Exit:
    """Replace the keys of a stack that is down."""
    from queuebit_proof import KeysUnsafe, Profile, SignerAway, read_signers, rotate_keys

    home = Home(args.home)
    home.require()
    folder = home.provenance / "keys"
    with stopped(home):
        try:
            passphrase = read_secret(Path(args.passphrase_file)).encode() if args.passphrase_file else None
            profile = Profile(args.profile) if args.profile else None
            signers = read_signers(Path(args.signers)) if args.signers else None
            ring = rotate_keys(folder, SystemClock().now(), passphrase=passphrase, profile=profile, signers=signers)
        except (OSError, ValueError) as error:
            raise Stop(Exit.USAGE, f"the passphrase cannot be read: {error}") from error
        except SignerAway as error:
            raise Stop(Exit.UNREACHABLE, f"the keys stay as they are: {error}") from error
        except KeysUnsafe as error:
            raise Stop(Exit.REFUSED, f"the keys stay as they are: {error}") from error
    trust, signed = ring.trust, folder / f"rotation-{ring.trust.version}.json"
    out.document(
        {
            "version": trust.version,
            "profile": str(ring.profile),
            "fingerprint": trust.fingerprint(),
            "rotation": str(signed),
            "trust": str(folder / "trust.json"),
        }
    )
    out.say(f"the keys are replaced: trust document version {trust.version}, profile {ring.profile}")
    out.say(f"fingerprint {trust.fingerprint()}")
    out.say("back up the folder of keys; the next start records the change in the log and publishes the document:")
    out.say(f"  {home.command('up')}")
    out.say("give verifiers the new document with the signed change; they replace theirs by:")
    out.say(f"  qb keys accept trust.json --rotation {quote(signed.name)} --trust THEIRS")
    return Exit.DONE


def accept(args: Namespace, out: Output) -> Exit:
    """Replace a trust document by its successor."""
    from queuebit_proof import TrustInvalid, accept_rotation

    old, new = _trust(Path(args.trust)), _trust(Path(args.new))
    try:
        with Path(args.rotation).open("rb") as file:
            envelope = file.read(_MOST_BYTES)
        accept_rotation(envelope, old, new)
        write_private(Path(args.trust).absolute(), new.to_bytes().decode())
    except TrustInvalid as error:
        out.document({"accepted": False, "text": str(error)})
        raise Stop(Exit.JOB_FAILED, f"not accepted: {error}") from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename}: {error.strerror}") from error
    out.document({"accepted": True, "version": new.version, "fingerprint": new.fingerprint()})
    out.say(f"{args.trust} is version {new.version} now: {new.fingerprint()}")
    return Exit.DONE


def _trust(path: Path) -> TrustRoot:
    from queuebit_proof import TrustInvalid, TrustRoot

    try:
        return TrustRoot.parse(read_trust(path))
    except TrustInvalid as error:
        raise Stop(Exit.USAGE, f"{path}: {error}") from error
