"""Which group a TLS 1.3 server chooses for the exchange of keys, if a client offers the post-quantum hybrid first.

Python's `ssl` cannot offer the hybrid before OpenSSL 3.5, and does not tell which group was chosen. So this writes the
first message of a handshake itself (RFC 8446, section 4.1.2), and reads the answer, which is not encrypted.
"""

from __future__ import annotations

import os
import ssl
import struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

__all__ = ["GROUPS", "HYBRID", "chosen_group", "client_hello", "python_group"]

HYBRID: Final = "X25519MLKEM768"

GROUPS: Final = {
    0x11EC: HYBRID,
    0x11EB: "SecP256r1MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
    0x0201: "MLKEM768",
    0x0202: "MLKEM1024",
    0x001D: "X25519",
    0x0017: "P-256",
    0x0018: "P-384",
    0x0019: "P-521",
}
"""By number in the registry of TLS groups; those with ML-KEM in their names are post-quantum."""

_OFFERED: Final = (0x11EC, 0x11EB, 0x11ED, 0x001D, 0x0017, 0x0018)
_HANDSHAKE, _SERVER_HELLO, _KEY_SHARE, _SUPPORTED_VERSIONS = 22, 2, 51, 43
_TLS_1_3: Final = 0x0304
_OLDEST_HYBRID: Final = (3, 5)


def python_group(server_group: str) -> str:
    """The group that Python's `ssl` here and a server agree on, if the server prefers this one."""
    return server_group if ssl.OPENSSL_VERSION_INFO[:2] >= _OLDEST_HYBRID or "MLKEM" not in server_group else "X25519"


def client_hello(host: str | None) -> bytes:
    """The first message, with shares for the hybrid and for X25519.

    Args:
        host: the name of the server; None for one with an address alone.
    """
    x25519 = X25519PrivateKey.generate().public_key().public_bytes_raw()
    hybrid = MLKEM768PrivateKey.generate().public_key().public_bytes_raw() + x25519
    shares = _share(0x11EC, hybrid) + _share(0x001D, x25519)
    extensions = [
        (10, _sized(2, b"".join(struct.pack(">H", it) for it in _OFFERED))),
        (13, _sized(2, struct.pack(">7H", 0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807))),
        (_SUPPORTED_VERSIONS, _sized(1, struct.pack(">H", _TLS_1_3))),
        (_KEY_SHARE, _sized(2, shares)),
    ]
    if host is not None:
        extensions.insert(0, (0, _sized(2, b"\x00" + _sized(2, host.encode("idna")))))
    body = b"\x03\x03" + os.urandom(32) + _sized(1, os.urandom(32))
    body += _sized(2, struct.pack(">3H", 0x1301, 0x1302, 0x1303)) + b"\x01\x00"
    body += _sized(2, b"".join(struct.pack(">H", number) + _sized(2, content) for number, content in extensions))
    return b"\x16\x03\x01" + _sized(2, b"\x01" + _sized(3, body))


def chosen_group(answer: bytes) -> str:
    """The group in the first record of a server's answer.

    Raises:
        ValueError: the answer is an alert, or not TLS 1.3.
    """
    try:
        kind, _, length = struct.unpack_from(">BHH", answer)
        if kind != _HANDSHAKE or answer[5] != _SERVER_HELLO or len(answer) < 5 + length:
            raise ValueError("the server refuses TLS 1.3")
        at = 5 + 4 + 2 + 32  # the record's head, the message's head, version and random
        at += 1 + answer[at] + 2 + 1  # session, cipher and compression
        end = at + 2 + int.from_bytes(answer[at : at + 2], "big")
        at += 2
        while at < end:
            number, size = struct.unpack_from(">HH", answer, at)
            if number == _KEY_SHARE:  # also in a request for another share, which names the group alone
                (group,) = struct.unpack_from(">H", answer, at + 4)
                return GROUPS.get(group, f"group {group:#06x}")
            at += 4 + size
    except (IndexError, struct.error) as error:
        raise ValueError("the answer is not TLS") from error
    raise ValueError("the server refuses TLS 1.3")


def _share(group: int, key: bytes) -> bytes:
    return struct.pack(">H", group) + _sized(2, key)


def _sized(width: int, content: bytes) -> bytes:
    return len(content).to_bytes(width, "big") + content
