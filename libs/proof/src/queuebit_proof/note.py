"""Signed notes: text, an empty line, and signature lines (C2SP signed-note)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from queuebit_proof.algorithms import Algorithm
from queuebit_proof.encoding import b64, unb64

__all__ = ["Note", "NoteSignature", "note_key", "note_key_id", "parse_vkey", "require_key_name", "vkey"]

_TYPES: dict[Algorithm, tuple[int, bytes]] = {
    Algorithm.ED25519: (0x01, b""),
    Algorithm.ML_DSA_44: (0x06, b""),
    Algorithm.ML_DSA_87: (0xFF, b"queuebit.dev/ml-dsa-87/v1"),
}
"""Signature types of C2SP: a signature of the text, and a timestamped cosignature of a tree or subtree.

C2SP has no type for ML-DSA-87: 0xff is for such algorithms, with an identifier before the key.
"""

_MOST_SIGNATURES = 32
_LINE = re.compile(r"— (\S+) (\S+)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: name, key id and signature."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {b64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """Text with its signatures. Use the text only after verifying a signature of a trusted key."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    @classmethod
    def parse(cls, content: str) -> Note:
        """Split text and signatures; verifies nothing.

        Raises:
            ValueError: the content is not a note.
        """
        if _CONTROL.search(content):
            raise ValueError("a note contains no control characters except newlines")
        body, blank, lines = content.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise ValueError("a note is text, an empty line and signature lines, each ending with a newline")
        signatures = tuple(_read_line(line) for line in lines[:-1].split("\n"))
        if len(signatures) > _MOST_SIGNATURES:
            raise ValueError(f"a note has at most {_MOST_SIGNATURES} signatures")
        return cls(body + "\n", signatures)

    def by(self, name: str, key_id: bytes) -> tuple[bytes, ...]:
        """Return the signatures with this name and key id, not verified. Callers ignore lines of unknown keys."""
        return tuple(each.signature for each in self.signatures if (each.name, each.key_id) == (name, key_id))


def note_key(algorithm: Algorithm, public: bytes) -> tuple[int, bytes]:
    """Return the signature type of a key of a log, and the bytes of the key in that type."""
    number, identifier = _TYPES[algorithm]
    return number, identifier + public


def note_key_id(name: str, note_type: int, public: bytes) -> bytes:
    """Return the four bytes that identify a key; they are not a commitment to the key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([note_type]) + public).digest()[:4]


def vkey(name: str, note_type: int, public: bytes) -> str:
    """Return a verifier key in the text form of C2SP."""
    return f"{name}+{note_key_id(name, note_type, public).hex()}+{b64(bytes([note_type]) + public)}"


def parse_vkey(line: str) -> tuple[str, int, bytes]:
    """Parse a verifier key into name, note type and public key.

    Raises:
        ValueError: the text is not a verifier key, or the key id does not match the key.
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
    """Check that a name is allowed in a signature line, and return it.

    Raises:
        ValueError: it is empty, longer than 255 bytes, or has spaces, control characters or a plus sign.
    """
    if not name or len(name.encode()) > 255 or "+" in name or not name.isprintable() or re.search(r"\s", name):
        raise ValueError(f"{name[:80]!r} is not a name for a log: use a name such as example.org/log")
    return name


def _read_line(line: str) -> NoteSignature:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line[:40]!r} is not a signature line")
    content = unb64(match[2])
    if len(content) < 5:
        raise ValueError(f"the signature of {match[1][:80]!r} is too short")
    return NoteSignature(match[1], content[:4], content[4:])
