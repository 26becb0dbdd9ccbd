"""The four private keys of one log, generated once and stored in a folder that only the owner can read."""

from __future__ import annotations

import json
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from queuebit_kernel import rfc3339
from queuebit_proof.algorithms import SEED_BYTES, Algorithm, SigningKey
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64
from queuebit_proof.errors import KeysUnsafe
from queuebit_proof.note import require_key_name
from queuebit_proof.trust import REQUIRED, Purpose, TrustKey, TrustRoot

__all__ = ["KEYS_FILE", "TRUST_FILE", "KeyRing", "create_once", "replace_file", "require_private"]

KEYS_FILE = "keys.json"
"""The file of all private keys: one file, so that there are either four keys or none."""
TRUST_FILE = "trust.json"
"""The file of the public keys, for verifiers; it is written again if it is missing."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The signing keys of a log. `trust` has the public keys for verifiers."""

    trust: TrustRoot
    _keys: dict[tuple[Purpose, Algorithm], SigningKey]

    @property
    def origin(self) -> str:
        """The name of the log and of its keys."""
        return self.trust.origin

    @property
    def begin(self) -> datetime:
        """From when on all signatures by these keys are valid."""
        return max(key.valid_from for key in self.trust.keys)

    def signers(self, purpose: Purpose) -> tuple[tuple[TrustKey, SigningKey], ...]:
        """Return both key pairs for a purpose, public key first, in the order of `REQUIRED`."""
        return tuple(
            (self.trust.keys_for(purpose, algorithm)[0], self._keys[purpose, algorithm])
            for algorithm in REQUIRED[purpose]
        )

    @classmethod
    def open(cls, folder: Path, origin: str, now: datetime) -> KeyRing:
        """Load the keys in `folder`; generate them if there are none.

        Two processes that start at the same time get the same keys.

        Args:
            folder: created with mode 0700 if it is missing.
            origin: the name of the log, such as `queuebit.example.org/log`.
            now: the `valid_from` of new keys, rounded down to seconds, because checkpoints have whole seconds.

        Raises:
            KeysUnsafe: other users can access the folder or the keys, or the keys belong to another log.
        """
        require_key_name(origin)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(folder)
        if not (folder / KEYS_FILE).exists():
            create_once(folder / KEYS_FILE, _new_keys(origin, now.replace(microsecond=0)))
        ring = cls.load(folder)
        if ring.origin != origin:
            raise KeysUnsafe(f"the keys in {folder} belong to {ring.origin}, not to {origin}: use another folder")
        return ring

    @classmethod
    def load(cls, folder: Path) -> KeyRing:
        """Load the keys in `folder`.

        Raises:
            KeysUnsafe: there are no keys, they are damaged, or other users can read them.
        """
        path = folder / KEYS_FILE
        try:
            require_private(folder)
            require_private(path)
            ring = _read(path.read_bytes())
        except FileNotFoundError as error:
            raise KeysUnsafe(f"there are no keys in {folder}: open it with the log's name to generate them") from error
        except ValueError as error:
            raise KeysUnsafe(
                f"{path} is damaged ({error}): restore it from a backup; new keys cannot replace it"
            ) from error
        if not (folder / TRUST_FILE).exists():
            create_once(folder / TRUST_FILE, ring.trust.to_bytes())
        return ring


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


def _new_keys(origin: str, valid_from: datetime) -> bytes:
    seeds = {
        f"{purpose}/{algorithm}": b64(secrets.token_bytes(SEED_BYTES))
        for purpose, algorithms in REQUIRED.items()
        for algorithm in algorithms
    }
    return json.dumps({"origin": origin, "valid_from": rfc3339(valid_from), "seeds": seeds}, indent=2).encode() + b"\n"


def _read(content: bytes) -> KeyRing:
    fields = exactly(parse_json(content), frozenset({"origin", "valid_from", "seeds"}), "the file")
    wanted = {f"{purpose}/{algorithm}": (purpose, algorithm) for purpose in Purpose for algorithm in REQUIRED[purpose]}
    seeds = exactly(fields["seeds"], frozenset(wanted), "seeds")
    keys = {use: SigningKey(use[1], unb64(text(seeds[name], name))) for name, use in wanted.items()}
    origin = require_key_name(text(fields["origin"], "origin"))
    valid_from = datetime.fromisoformat(text(fields["valid_from"], "valid_from"))
    public = tuple(
        TrustKey(purpose, algorithm, origin, key.public, valid_from) for (purpose, algorithm), key in keys.items()
    )
    return KeyRing(TrustRoot(version=1, origin=origin, keys=public), keys)


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
