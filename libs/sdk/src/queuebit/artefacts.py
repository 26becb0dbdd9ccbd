"""Signs files such as packages and circuits with Ed25519 and ML-DSA-65, and verifies them; no platform is needed.

A signature is a DSSE envelope of an in-toto statement with the digest of the file. Both signatures are required.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from queuebit.errors import InvalidInput, NotVerified
from queuebit.inputs import one_line
from queuebit_kernel import Json, SystemClock, canonical, digest, rfc3339

if TYPE_CHECKING:
    from queuebit_proof import KeyRing, Opened, ProvenLeaf

__all__ = [
    "LEAF_SUFFIX",
    "PREDICATE_TYPE",
    "SUFFIX",
    "SignedFile",
    "leaf_of",
    "sign_file",
    "signing_keys",
    "statement_digest",
    "verify_file",
]

PREDICATE_TYPE: Final = "https://queuebit.dev/attestations/artefact/v1"
SUFFIX: Final = ".dsse.json"
"""Where the signature of a file is, if nothing else is named: beside it."""
LEAF_SUFFIX: Final = ".tlog-proof"
"""Where the proof is that its statement is a leaf: beside it, too."""

_STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
_CLOCKS: Final = timedelta(minutes=1)
"""How far the clocks of a signer and of the log may be apart."""
_MOST_BYTES: Final = 65_536
"""Of an envelope; one with two signatures has about 6 KB."""


@dataclass(frozen=True, slots=True)
class SignedFile:
    """What a verified signature states."""

    name: str
    """The name of the file when it was signed; only the digest is compared."""
    digest: str
    signer: str
    signed_at: datetime
    """As the signer states it."""
    source: str | None
    key_ids: tuple[str, ...]
    """Of the key of each algorithm: Ed25519, then ML-DSA-65."""
    leaf: ProvenLeaf | None = None
    """The leaf of a log that the statement is, if that was verified: the file was signed before its head."""


def signing_keys(folder: Path, signer: str | None = None) -> KeyRing:
    """The private keys of a signer.

    Args:
        folder: where they are; with a signer they are made there, if there are none.
        signer: the name of the signer, such as `acme.example/releases`; verifiers see it.

    Raises:
        InvalidInput: there are none, other users can read them, or they are of another signer.
    """
    from queuebit_proof import KeyRing, KeysUnsafe

    try:
        if signer is None:
            return KeyRing.load(folder)
        return KeyRing.open(folder, one_line("signer", signer, 200), SystemClock().now())
    except (KeysUnsafe, ValueError) as error:
        raise InvalidInput(f"files cannot be signed: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be used for keys: {error.strerror}") from error


def sign_file(path: Path | str, keys: KeyRing, *, source: str | None = None) -> bytes:
    """Sign a file, and return the envelope.

    Args:
        path: the file.
        keys: of `signing_keys`.
        source: what it was made from, such as a commit; it is signed too.

    Raises:
        InvalidInput: the file cannot be read.
    """
    from queuebit_proof import seal

    file = Path(path)
    predicate: dict[str, Json] = {"signer": keys.origin, "signed_at": rfc3339(SystemClock().now())}
    if source is not None:
        predicate["source"] = one_line("source", source, 500)
    statement: dict[str, Json] = {
        "_type": _STATEMENT_TYPE,
        "subject": [{"name": file.name, "digest": {"sha256": _sha256(file)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return seal(canonical(statement), keys)


def statement_digest(envelope: bytes) -> str:
    """The digest of the statement in an envelope: what the log has of it.

    Raises:
        InvalidInput: this is no envelope.
    """
    from queuebit_proof import EnvelopeInvalid
    from queuebit_proof.envelope import payload_of

    try:
        return digest(payload_of(envelope.removesuffix(b"\n")))
    except EnvelopeInvalid as error:
        raise InvalidInput(f"this is no signature of a file: {error}") from error


def verify_file(
    path: Path | str,
    envelope: Path | str | bytes,
    trust: Path | str | bytes,
    *,
    leaf: Path | str | bytes | None = None,
    log_trust: Path | str | bytes | None = None,
    witnesses: Path | str | bytes | None = None,
) -> SignedFile:
    """Verify the signature of a file, offline.

    Args:
        path: the file.
        envelope: its signature, or the path of it.
        trust: the trust document of the signer, or its path; it must come from another source than the file.
        leaf: the proof that the statement is a leaf of a log, or its path; with `log_trust`.
        log_trust: the trust document of that log, or its path. With it, the statement must be a leaf.
        witnesses: verifier keys of witnesses that must have cosigned the head of that log, one a line, or its path.

    Raises:
        NotVerified: a signature is missing or wrong, the file is not the signed one, or its statement is no such leaf.
        InvalidInput: a file cannot be read, or the trust document is none.
    """
    from queuebit_proof import EnvelopeInvalid, TrustInvalid, TrustRoot, open_envelope

    try:
        root = TrustRoot.parse(_content(trust))
    except TrustInvalid as error:
        raise InvalidInput(str(error)) from error
    found_digest, signed = _sha256(Path(path)), _content(envelope)
    try:
        opened = open_envelope(signed.removesuffix(b"\n"), root)
        found = _stated(opened, root.origin)
    except (EnvelopeInvalid, ValueError) as error:
        raise NotVerified(f"{path} is not verified: {error}") from error
    if found.digest != f"sha256:{found_digest}":
        raise NotVerified(
            f"{path} is not verified: it has sha256:{found_digest}, and {found.digest} was signed: it is another file, "
            "or was changed"
        )
    if log_trust is None:
        return found
    return replace(found, leaf=leaf_of(path, opened.payload, found.signed_at, leaf, log_trust, witnesses))


def leaf_of(
    path: Path | str,
    statement: bytes,
    signed_at: datetime,
    leaf: Path | str | bytes | None,
    log_trust: Path | str | bytes,
    witnesses: Path | str | bytes | None = None,
) -> ProvenLeaf:
    """Verify that a statement is a leaf of a log, and that it was not signed after the log had it.

    Raises:
        NotVerified: it is not.
        InvalidInput: a file cannot be read, or the trust document is none.
    """
    from queuebit_proof import LeafInvalid, TrustInvalid, TrustRoot, entry_of, read_witnesses, verify_leaf

    if leaf is None:
        raise NotVerified(f"{path} is not verified: there is no proof that its signature is a leaf of the log")
    try:
        root = TrustRoot.parse(_content(log_trust))
        required = () if witnesses is None else read_witnesses(_content(witnesses).decode())
    except (TrustInvalid, UnicodeDecodeError) as error:
        raise InvalidInput(str(error)) from error
    try:
        found = verify_leaf(_content(leaf).decode(), entry_of(statement), root, required)
    except (LeafInvalid, UnicodeDecodeError) as error:
        raise NotVerified(f"{path} is not verified: {error}") from error
    if signed_at > found.signed_at + _CLOCKS:
        raise NotVerified(
            f"{path} is not verified: it says that it was signed at {rfc3339(signed_at)}, and the log had it at "
            f"{rfc3339(found.signed_at)}"
        )
    return found


def _stated(opened: Opened, origin: str) -> SignedFile:
    from queuebit_proof import require_in_time
    from queuebit_proof.encoding import exactly, parse_json, text

    fields = exactly(parse_json(opened.payload), _STATEMENT, "the statement")
    if (fields["_type"], fields["predicateType"]) != (_STATEMENT_TYPE, PREDICATE_TYPE):
        raise ValueError(f"it is not an in-toto statement of type {PREDICATE_TYPE}")
    subjects = fields["subject"]
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise ValueError("it is not about one file")
    subject = exactly(subjects[0], frozenset({"name", "digest"}), "the subject")
    digests = exactly(subject["digest"], frozenset({"sha256"}), "its digest")
    predicate = fields["predicate"]
    if not isinstance(predicate, Mapping):
        raise ValueError("it has no predicate")
    signed_at = datetime.fromisoformat(text(predicate.get("signed_at"), "signed_at")).astimezone(UTC)
    require_in_time(opened.keys, signed_at.replace(microsecond=0))
    source = predicate.get("source")
    return SignedFile(
        name=text(subject["name"], "name"),
        digest=f"sha256:{text(digests['sha256'], 'sha256')}",
        signer=origin,
        signed_at=signed_at,
        source=None if source is None else text(source, "source"),
        key_ids=tuple(key.key_id for key in opened.keys),
    )


_STATEMENT = frozenset({"_type", "subject", "predicateType", "predicate"})


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _content(given: Path | str | bytes) -> bytes:
    """Bytes, or those of a small file."""
    if isinstance(given, bytes):
        return given
    try:
        with Path(given).open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{given} cannot be read: {error.strerror}") from error
