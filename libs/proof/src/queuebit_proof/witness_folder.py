"""A witness in a folder: its two private keys, and the newest head of each log that it cosigned."""

from __future__ import annotations

import fcntl
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from queuebit_proof.algorithms import SEED_BYTES, Algorithm, SigningKey
from queuebit_proof.checkpoint import Checkpoint, read_checkpoint, verify_head
from queuebit_proof.continuity import read_request
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64
from queuebit_proof.errors import KeysUnsafe
from queuebit_proof.keys import create_once, replace_file, require_private
from queuebit_proof.note import require_key_name
from queuebit_proof.trust import TrustRoot
from queuebit_proof.witness import Witness, cosign

__all__ = ["WitnessFolder"]

_ALGORITHMS = (Algorithm.ED25519, Algorithm.ML_DSA_44)
_KEYS = "witness.json"


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """A witness. Two processes may use one folder: they cosign one after the other."""

    folder: Path
    name: str
    _keys: tuple[SigningKey, ...]

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """Its public keys, for the logs and their clients."""
        return tuple(Witness(self.name, it.algorithm, it.public) for it in self._keys)

    @classmethod
    def open(cls, folder: Path, name: str | None = None) -> WitnessFolder:
        """Load the keys in a folder; generate them if there are none and the witness has a name.

        Raises:
            KeysUnsafe: there are none, they are damaged or of another witness, or other users can read them.
        """
        path = folder / _KEYS
        try:
            if name is not None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not path.exists():
                    create_once(path, _new_keys(require_key_name(name)))
            require_private(folder)
            require_private(path)
            found = cls(folder, *_read(path.read_bytes()))
        except FileNotFoundError as error:
            raise KeysUnsafe(f"there is no witness in {folder}: give its name to generate its keys") from error
        except ValueError as error:
            raise KeysUnsafe(f"{path} is damaged ({error}): restore it from a backup") from error
        if name not in (None, found.name):
            raise KeysUnsafe(f"the witness in {folder} is {found.name}, not {name}: use another folder")
        return found

    def cosign(self, request: str, trust: TrustRoot, now: datetime) -> str:
        """Verify a request and return the lines of both keys, after the head is stored as the last one.

        Raises:
            CheckpointInvalid: the log did not sign the head, or with keys that were replaced before; or the proof is
                from another size than the last head.
            LogInconsistent: the head does not continue the last one.
        """
        asked = read_request(request)
        head = verify_head(asked.checkpoint, trust).head
        with self._locked(head.origin) as path:
            last = self._last(path)
            lines = "".join(cosign(asked, last, self.name, key, now) for key in self._keys)
            replace_file(path, str(asked.checkpoint).encode())
        return lines

    def last(self, origin: str) -> Checkpoint | None:
        """The newest head of a log that it cosigned."""
        return self._last(self._place(origin))

    def _place(self, origin: str) -> Path:
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:16]}.checkpoint"

    @staticmethod
    def _last(path: Path) -> Checkpoint | None:
        return read_checkpoint(path.read_text(encoding="utf-8")) if path.exists() else None

    @contextmanager
    def _locked(self, origin: str) -> Iterator[Path]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._place(origin)


def _new_keys(name: str) -> bytes:
    seeds = {str(it): b64(secrets.token_bytes(SEED_BYTES)) for it in _ALGORITHMS}
    return json.dumps({"name": name, "seeds": seeds}, indent=2).encode() + b"\n"


def _read(content: bytes) -> tuple[str, tuple[SigningKey, ...]]:
    fields = exactly(parse_json(content), frozenset({"name", "seeds"}), "the file")
    seeds = exactly(fields["seeds"], frozenset(map(str, _ALGORITHMS)), "seeds")
    keys = tuple(SigningKey(it, unb64(text(seeds[it], it))) for it in _ALGORITHMS)
    return require_key_name(text(fields["name"], "name")), keys
