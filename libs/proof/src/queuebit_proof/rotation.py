"""A change of keys: a statement that the old keys sign, and that becomes a leaf of the log.

A client that trusts the old document can trust the new one by it, without another source. That does not help against a
key that leaked: then compare the fingerprint of the new document with the operator's.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from queuebit_kernel import canonical, rfc3339
from queuebit_proof.devices import Signers
from queuebit_proof.encoding import parse_json
from queuebit_proof.envelope import open_envelope, seal
from queuebit_proof.errors import EnvelopeInvalid, KeysUnsafe, TrustInvalid
from queuebit_proof.key_file import KeyFile, new_keys
from queuebit_proof.keys import KEYS_FILE, KeyRing, kept_in, read_public, replace_file
from queuebit_proof.profiles import Profile
from queuebit_proof.statement import SALT_BYTES, STATEMENT_TYPE
from queuebit_proof.trust import TrustRoot

__all__ = ["ROTATION_TYPE", "accept_rotation", "rotate_keys", "rotation_statement", "rotations"]

ROTATION_TYPE = "https://queuebit.dev/attestations/key-rotation/v1"


def rotate_keys(
    folder: Path,
    now: datetime,
    *,
    passphrase: bytes | None = None,
    profile: Profile | None = None,
    signers: Signers | None = None,
) -> KeyRing:
    """Replace the keys in `folder`. The old ones sign the statement about it, and their private parts are deleted.

    The statement lies in the folder (`rotations`) until it is a leaf of the log. The caller ensures that no process
    signs with the old keys any more: no signature of theirs counts from now on.

    Args:
        folder: that of the keys.
        now: the end of the old keys and the beginning of the new ones.
        passphrase: of the file; it stays the same.
        profile: of the new keys; that of the old ones if none is given.
        signers: which new keys devices keep; those that a device kept, one keeps again.

    Raises:
        KeysUnsafe: as `KeyRing.load`; or the clock is before the last change, the profile would be weaker, or a key
            would leave its device.
        SignerAway: a device does not sign for the old keys, or does not have a new one.
    """
    old, kept = KeyRing.load(folder, passphrase), signers or {}
    moment, wanted = now.replace(microsecond=0), profile or old.profile
    if moment <= old.begin:
        raise KeysUnsafe(
            f"the keys in use are valid from {rfc3339(old.begin)}, and it is {rfc3339(now)}: set the clock right"
        )
    if [*Profile].index(wanted) < [*Profile].index(old.profile):
        raise KeysUnsafe(f"the keys have the profile {old.profile}, and those of a log never get weaker")
    if leaving := set(kept_in(folder)) - set(kept):
        raise KeysUnsafe(f"a device keeps the key {'/'.join(min(leaving))}: name its next key with --signers FILE")
    keys, seeds = new_keys(wanted, old.origin, moment, kept)
    if {it.public for it in keys} & {it.public for it in old.trust.keys}:
        raise KeysUnsafe("the signers file names a key that this log used before: make new keys in the devices")
    ended = tuple(replace(it, valid_until=it.valid_until or moment) for it in old.trust.keys)
    trust = TrustRoot(old.trust.version + 1, old.origin, (*ended, *keys))
    statement = rotation_statement(old.trust, trust, salt=secrets.token_bytes(SALT_BYTES))
    replace_file(folder / _name(trust.version), seal(statement, old))
    replace_file(folder / KEYS_FILE, KeyFile.of(trust, seeds, passphrase, kept).to_bytes())
    return KeyRing.load(folder, passphrase)


def rotations(folder: Path) -> dict[int, bytes]:
    """Return the signed statements about changes of keys, by the version of the trust document that begins then."""
    versions = range(2, read_public(folder).version + 1)
    return {it: path.read_bytes() for it in versions if (path := folder / _name(it)).exists()}


def rotation_statement(old: TrustRoot, new: TrustRoot, *, salt: bytes) -> bytes:
    """Return the statement: an in-toto Statement v1 about the new trust document."""
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": "trust.json", "digest": {"sha256": new.fingerprint().removeprefix("sha256:")}}],
            "predicateType": ROTATION_TYPE,
            "predicate": {
                "origin": new.origin,
                "version": new.version,
                "profile": str(new.current.profile),
                "at": rfc3339(new.current.valid_from),
                "replaced": [it.key_id for it in old.current.keys],
                "keys": [it.key_id for it in new.current.keys],
                "salt": salt.hex(),
            },
        }
    )


def accept_rotation(envelope: bytes, old: TrustRoot, new: TrustRoot) -> None:
    """Check that the keys in use of a trusted document signed its successor.

    Raises:
        TrustInvalid: they did not, it is not the next version, or it does not keep and end the old keys.
    """
    try:
        opened = open_envelope(envelope, old)
    except EnvelopeInvalid as error:
        raise TrustInvalid(f"the change of keys is not signed by the keys that you trust: {error}") from error
    if not set(opened.keys) <= set(old.current.keys):
        raise TrustInvalid("the change of keys is signed by keys that were replaced before")
    digest = {"sha256": new.fingerprint().removeprefix("sha256:")}
    statement = parse_json(opened.payload)
    about = isinstance(statement, dict) and (statement.get("predicateType"), statement.get("subject"))
    if about != (ROTATION_TYPE, [{"name": "trust.json", "digest": digest}]):
        raise TrustInvalid("the signed statement is not about this trust document")
    if (new.origin, new.version) != (old.origin, old.version + 1):
        raise TrustInvalid(
            f"version {new.version} of {new.origin} does not follow version {old.version} of {old.origin}"
        )
    ended = {replace(it, valid_until=it.valid_until or new.current.valid_from) for it in old.keys}
    if set(new.keys) - set(new.current.keys) != ended:
        raise TrustInvalid("the new document does not keep all earlier keys and end them when the new ones begin")


def _name(version: int) -> str:
    return f"rotation-{version}.json"
