"""References to keys in tokens, as RFC 7512 writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from queuebit_proof.errors import KeysUnsafe

__all__ = ["TokenUri"]

_PATH: Final = frozenset({"token", "serial", "object", "id", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})


@dataclass(frozen=True, slots=True)
class TokenUri:
    """Which key of which token, by which module, with a PIN from which file."""

    text: str
    module: Path
    token: str | None
    serial: str | None
    label: str | None
    id: bytes | None
    pin_file: Path

    @classmethod
    def parse(cls, text: str) -> TokenUri:
        """Read a reference.

        Raises:
            KeysUnsafe: it is malformed, incomplete, or has a PIN in it.
        """
        path, _, query = text.removeprefix("pkcs11:").partition("?")
        named, options = _attributes(text, path, ";", _PATH), _attributes(text, query, "&", _QUERY)
        if "token" not in named and "serial" not in named:
            raise KeysUnsafe(f"{text} must name the token: token=LABEL or serial=NUMBER")
        if "object" not in named and "id" not in named:
            raise KeysUnsafe(f"{text} must name the key: object=LABEL or id=%01")
        if named.get("type", "private") != "private":
            raise KeysUnsafe(f"{text} must name a private key")
        missing = _QUERY - set(options)
        if missing:
            raise KeysUnsafe(f"{text} lacks {' and '.join(sorted(missing))}")
        return cls(
            text,
            _file(text, options["module-path"]),
            _decoded(named.get("token")),
            _decoded(named.get("serial")),
            _decoded(named.get("object")),
            unquote_to_bytes(named["id"]) if "id" in named else None,
            _file(text, options["pin-source"]),
        )


def _attributes(text: str, part: str, separator: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in part.split(separator) if part else ():
        name, equals, value = item.partition("=")
        if name == "pin-value":  # without the text: it has the PIN
            raise KeysUnsafe("a pkcs11 reference must not contain a PIN: name a file with pin-source=file:/path")
        if name not in known or not equals or name in found:
            raise KeysUnsafe(f"{text}: {name!r} is unknown or doubled: use {', '.join(sorted(known))}")
        found[name] = value
    return found


def _decoded(value: str | None) -> str | None:
    return None if value is None else unquote(value)


def _file(text: str, value: str) -> Path:
    path = Path(unquote(value).removeprefix("file://").removeprefix("file:"))
    if not path.is_absolute():
        raise KeysUnsafe(f"{text}: {value!r} must be the absolute path of a file")
    return path
