"""The private keys of one log, generated once, replaced on request, in a folder that only the owner can read."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from queuebit_proof.algorithms import Algorithm, Signer, SigningKey
from queuebit_proof.devices import KeptKey, Signers, public_key_of
from queuebit_proof.errors import KeysUnsafe, TrustInvalid
from queuebit_proof.key_file import KeyFile, Seeds, WrongPassphrase, new_keys
from queuebit_proof.note import require_key_name
from queuebit_proof.profiles import Profile, Purpose
from queuebit_proof.trust import TrustKey, TrustRoot

__all__ = [
    "KEYS_FILE",
    "TRUST_FILE",
    "KeyRing",
    "create_once",
    "kept_in",
    "read_public",
    "replace_file",
    "require_private",
]

KEYS_FILE = "keys.json"
"""The file of all private keys: one file, so that there are either all keys or none."""
TRUST_FILE = "trust.json"
"""The file of the public keys, for verifiers; it is written again if it is missing."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The signing keys of a log. `trust` has the public keys for verifiers, those of earlier keys included.

    Keys that a device or a service keeps have the same form (`queuebit_proof.devices`): it has a `Signer` for each key
    of the newest generation.
    """

    trust: TrustRoot
    _keys: Mapping[tuple[Purpose, Algorithm], Signer]

    @property
    def origin(self) -> str:
        """The name of the log and of its keys."""
        return self.trust.origin

    @property
    def begin(self) -> datetime:
        """From when on all signatures by these keys are valid."""
        return self.trust.current.valid_from

    @property
    def profile(self) -> Profile:
        """Which algorithms they have."""
        return self.trust.current.profile

    def signers(self, purpose: Purpose) -> tuple[tuple[TrustKey, Signer], ...]:
        """Return all keys that must sign for a purpose, public key first, in the order of the profile."""
        current = self.trust.current
        return tuple(
            (current.keys_for(purpose, algorithm)[0], self._keys[purpose, algorithm])
            for algorithm in current.required(purpose)
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        origin: str,
        now: datetime,
        *,
        passphrase: bytes | None = None,
        profile: Profile | None = None,
        signers: Signers | None = None,
    ) -> KeyRing:
        """Load the keys in `folder`; generate them if there are none.

        Two processes that start at the same time get the same keys.

        Args:
            folder: created with mode 0700 if it is missing.
            origin: the name of the log, such as `queuebit.example.org/log`.
            now: the `valid_from` of new keys, rounded down to seconds, because checkpoints have whole seconds.
            passphrase: encrypts the private keys; those that lie there in plain text are encrypted now.
            profile: of new keys; other keys must have it, if it is given.
            signers: which new keys devices keep. Of keys in use, a reference that differs replaces the earlier one, if
                the device there has the same key.

        Raises:
            KeysUnsafe: other users can access the folder or the keys, the passphrase is missing or wrong, or the keys
                belong to another log, have another profile, or are not the ones of the references.
            SignerAway: a device with a new key, or at a new place, does not answer.
        """
        require_key_name(origin)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(folder)
        if not (folder / KEYS_FILE).exists():
            kept = signers or {}
            keys, seeds = new_keys(profile or Profile.DEFAULT, origin, now.replace(microsecond=0), kept)
            file = KeyFile.of(TrustRoot(1, origin, keys), seeds, passphrase, kept)
            create_once(folder / KEYS_FILE, file.to_bytes())
        if signers:
            _move(folder, signers)
        ring = cls.load(folder, passphrase)
        if ring.origin != origin:
            raise KeysUnsafe(f"the keys in {folder} belong to {ring.origin}, not to {origin}: use another folder")
        if profile not in (None, ring.profile):
            raise KeysUnsafe(
                f"the keys in {folder} have the profile {ring.profile}, and {profile} is required: replace them with "
                f"qb keys rotate --profile {profile}"
            )
        return ring

    @classmethod
    def load(cls, folder: Path, passphrase: bytes | None = None) -> KeyRing:
        """Load the keys in `folder`; encrypt them if they are in plain text and there is a passphrase.

        Raises:
            KeysUnsafe: there are no keys, they are damaged, other users can read them, or the passphrase is wrong.
        """
        file, seeds = _secret(folder, passphrase)
        if passphrase is not None and not file.encrypted:
            replace_file(folder / KEYS_FILE, KeyFile.of(file.trust, seeds, passphrase, file.kept).to_bytes())
        if not (folder / TRUST_FILE).exists():
            create_once(folder / TRUST_FILE, file.trust.to_bytes())
        elif (folder / TRUST_FILE).read_bytes() != (document := file.trust.to_bytes()):
            replace_file(folder / TRUST_FILE, document)
        own = {use: SigningKey(use[1], seed) for use, seed in seeds.items()}
        public = {(it.purpose, it.algorithm): it.public for it in file.trust.current.keys}
        kept = {use: KeptKey(use[1], public[use], reference) for use, reference in file.kept.items()}
        return cls(file.trust, {**own, **kept})


def read_public(folder: Path) -> TrustRoot:
    """Return the public keys in `folder`, also of encrypted keys, after the same checks as `KeyRing.load`.

    Raises:
        KeysUnsafe: there are no keys, they are damaged, or other users can read them.
    """
    return _file(folder).trust


def kept_in(folder: Path) -> Signers:
    """References of the keys in use that devices keep; raises as `read_public`."""
    return _file(folder).kept


def _move(folder: Path, signers: Signers) -> None:
    """Take up references that differ from those in the file, if they are of the same keys."""
    file = _file(folder)
    moved = {use: it for use, it in signers.items() if file.kept.get(use) != it}
    public = {(it.purpose, it.algorithm): it.public for it in file.trust.current.keys}
    for use, reference in moved.items():
        if use not in file.kept or public_key_of(reference, use[1]) != public[use]:
            raise KeysUnsafe(
                f"the key {'/'.join(use)} in use is not {reference}: qb keys rotate --signers FILE changes to it"
            )
    if moved:
        replace_file(folder / KEYS_FILE, replace(file, kept={**file.kept, **moved}).to_bytes())


def _secret(folder: Path, passphrase: bytes | None) -> tuple[KeyFile, Seeds]:
    file = _file(folder)
    path = folder / KEYS_FILE
    try:
        return file, file.seeds(passphrase)
    except WrongPassphrase as error:
        raise KeysUnsafe(f"{path} cannot be opened: {error}") from error
    except ValueError as error:
        raise _damaged(path, error) from error


def _file(folder: Path) -> KeyFile:
    path = folder / KEYS_FILE
    try:
        require_private(folder)
        require_private(path)
        return KeyFile.parse(path.read_bytes())
    except FileNotFoundError as error:
        raise KeysUnsafe(f"there are no keys in {folder}: name the signer, and they are made") from error
    except (ValueError, TrustInvalid) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> KeysUnsafe:
    return KeysUnsafe(f"{path} is damaged ({error}): restore it from a backup; new keys cannot replace it")


def require_private(path: Path) -> None:
    """Check that no other user can access a file or folder.

    Raises:
        KeysUnsafe: others can.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        wanted = "700" if path.is_dir() else "600"
        raise KeysUnsafe(
            f"{path} has mode {mode:o}, and other users can access the private keys: run chmod {wanted} {path}"
        )


def create_once(path: Path, content: bytes) -> None:
    """Write a complete file with mode 0600; keep the file if another process has written it first."""
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    _sync(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Write a complete file with mode 0600 in the place of another one."""
    _draft(path, content).replace(path)
    _sync(path.parent)


def _draft(path: Path, content: bytes) -> Path:
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(draft)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
