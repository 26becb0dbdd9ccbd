"""Signed notes: a text, a blank line, and signature lines (C2SP signed-note)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from queuebit_proof.algorithms import Algorithm
from queuebit_proof.encoding import b64, unb64

__all__ = ["NOTE_TYPES", "Note", "NoteSignature", "note_key_id", "parse_vkey", "require_key_name", "vkey"]

NOTE_TYPES: dict[Algorithm, int] = {Algorithm.ED25519: 0x01, Algorithm.ML_DSA_44: 0x06}
"""Signature types assigned by C2SP: a plain signature of the text, and a timestamped cosignature of a (sub)tree."""

_MOST_SIGNATURES = 32
_LINE = re.compile(r"— (\S+) (\S+)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who, with which key, and the bytes their algorithm made."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {b64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures. The text means nothing before a signature of a trusted key was verified."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    @classmethod
    def parse(cls, content: str) -> Note:
        """Split text from signatures, without verifying any.

        Raises:
            ValueError: the content is not a note.
        """
        if _CONTROL.search(content):
            raise ValueError("a note holds no control characters but newlines")
        body, blank, lines = content.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise ValueError("a note is a text, a blank line and signature lines, each ending in a newline")
        signatures = tuple(_read_line(line) for line in lines[:-1].split("\n"))
        if len(signatures) > _MOST_SIGNATURES:
            raise ValueError(f"a note has {_MOST_SIGNATURES} signatures at most")
        return cls(body + "\n", signatures)

    def by(self, name: str, key_id: bytes) -> tuple[bytes, ...]:
        """The signatures that claim to be this key's; lines of unknown keys are to be ignored."""
        return tuple(each.signature for each in self.signatures if (each.name, each.key_id) == (name, key_id))


def note_key_id(name: str, note_type: int, public: bytes) -> bytes:
    """Four bytes that tell keys apart; not a commitment to the key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([note_type]) + public).digest()[:4]


def vkey(name: str, note_type: int, public: bytes) -> str:
    """A key as one line of text, as other C2SP programs want it."""
    return f"{name}+{note_key_id(name, note_type, public).hex()}+{b64(bytes([note_type]) + public)}"


def parse_vkey(line: str) -> tuple[str, int, bytes]:
    """Return name, note type and public key of a verifier key.

    Raises:
        ValueError: it is not one, or its key id is another key's.
    """
    try:
        name, key_id, encoded = line.split("+", 2)
    except ValueError as error:
        raise ValueError("a verifier key is a name, a key id and a key, joined by +") from error
    key = unb64(encoded)
    if not key or note_key_id(require_key_name(name), key[0], key[1:]).hex() != key_id:
        raise ValueError(f"key id {key_id[:20]!r} does not belong to the key of {name[:80]!r}")
    return name, key[0], key[1:]


def require_key_name(name: str) -> str:
    """Return a name that can stand in a signature line.

    Raises:
        ValueError: it is empty, longer than 255 bytes, or has blanks, control characters or a plus.
    """
    if not name or len(name.encode()) > 255 or "+" in name or not name.isprintable() or re.search(r"\s", name):
        raise ValueError(f"{name[:80]!r} cannot name a log: use something like example.org/log")
    return name


def _read_line(line: str) -> NoteSignature:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line[:40]!r} is not a signature line")
    content = unb64(match[2])
    if len(content) < 5:
        raise ValueError(f"the signature of {match[1][:80]!r} is too short")
    return NoteSignature(match[1], content[:4], content[4:])
