"""Connections between programs: which are encrypted, and which so that a later quantum computer cannot decrypt them."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from queuebit_stack.stack import Stack
from queuebit_stack.tls_probe import chosen_group, client_hello, python_group

__all__ = ["Hop", "hops_of", "look_at"]

_TIMEOUT_S: Final = 5.0
_PORTS: Final = {"nats": 4222, "tls": 4222, "https": 443, "http": 80}
_TLS_RECORDS: Final = (0x15, 0x16)
"""The types of records with which a server answers: alert and handshake (RFC 8446, section 5.1)."""
_RECORD: Final = 5


@dataclass(frozen=True, slots=True)
class Hop:
    """One connection, as a server offers it, and as this Python would make it."""

    hop: str
    address: str
    protocol: str = ""
    """`TLSv1.3`, an older version, or `plain`; empty if the server was not reached."""
    group: str = ""
    """What the server chooses if a client offers the hybrid, as browsers, Go and OpenSSL from 3.5 on do."""
    python_group: str = ""
    """What it chooses with this Python."""
    certificate: str = ""
    """Algorithm of the server's key."""
    post_quantum: bool = False
    """Whether this Python's connection is."""
    note: str = ""

    def row(self) -> dict[str, object]:
        return asdict(self)


def hops_of(stack: Stack) -> list[Hop]:
    """The connections of a stack on this machine; each program speaks to these."""
    named = [("clients and services to the bus", "nats-server"), ("clients to the gateway", "gateway")]
    named.append(("telemetry, alerting and `qb sql` to the warehouse", "warehouse"))
    return [look_at(stack.listens[name], hop) for hop, name in named if name in stack.listens]


def look_at(address: str, hop: str = "") -> Hop:
    """Connect to an address such as `nats://bus.example:4222` or `https://gateway.example`, without a login.

    Certificates are not verified: what is asked is how the connection is encrypted, not who answers.

    Raises:
        ValueError: it is no address.
    """
    url = urlsplit(address)
    if url.scheme not in _PORTS or not url.hostname:
        raise ValueError(f"{address} is no address: give nats://, tls://, https:// or http:// with a host")
    found = Hop(hop or "to this address", address)
    place = url.hostname, url.port or _PORTS[url.scheme]
    try:
        if not _speaks_tls(url.scheme, place):
            note = "not encrypted, and does not leave this machine" if _is_loopback(url.hostname) else "not encrypted"
            return _with(found, protocol="plain", note=note)
        group, problem = _group(url.scheme, place)
    except _NoTls:
        return _with(
            found,
            protocol="plain",
            note=f"not encrypted: what answers there does not speak TLS, as {url.scheme}:// says",
        )
    except (OSError, ValueError) as error:
        return _with(found, note=f"not reached: {error}")
    try:
        protocol, certificate = _handshake(url.scheme, place)
    except (OSError, ValueError) as error:
        return _with(found, protocol="TLSv1.3" if group else "", group=group, note=f"refuses this Python: {error}")
    ours = python_group(group) if protocol == "TLSv1.3" else ""
    safe = "MLKEM" in ours
    return _with(
        found,
        protocol=protocol,
        group=group,
        python_group=ours,
        certificate=certificate,
        post_quantum=safe,
        note=problem or ("" if safe or "MLKEM" not in group else f"{ssl.OPENSSL_VERSION} here has no ML-KEM"),
    )


class _NoTls(Exception):
    """The answer to the begin of TLS is no record of TLS."""


def _with(hop: Hop, **values: object) -> Hop:
    return Hop(**{**asdict(hop), **values})


def _speaks_tls(scheme: str, place: tuple[str, int]) -> bool:
    if scheme not in ("nats", "tls"):
        return scheme == "https"
    with socket.create_connection(place, _TIMEOUT_S) as raw:
        info = _info(raw)
    return bool(info.get("tls_required") or info.get("tls_available"))


def _opened(scheme: str, place: tuple[str, int]) -> socket.socket:
    """A connection at the point where TLS begins: nats-server says hello before."""
    raw = socket.create_connection(place, _TIMEOUT_S)
    try:
        if scheme in ("nats", "tls"):
            _info(raw)
    except BaseException:
        raw.close()
        raise
    return raw


def _info(raw: socket.socket) -> dict[str, object]:
    line = b""
    while not line.endswith(b"\n"):
        if not (more := raw.recv(1)) or len(line) > 1 << 16:  # by single bytes: what follows the line is TLS
            raise ValueError("no nats-server answers")
        line += more
    name, _, content = line.partition(b" ")
    if name != b"INFO":
        raise ValueError("no nats-server answers")
    info: dict[str, object] = json.loads(content)
    return info


def _group(scheme: str, place: tuple[str, int]) -> tuple[str, str]:
    """The group that the server chooses, or why there is none."""
    with _opened(scheme, place) as raw:
        raw.sendall(client_hello(None if _is_address(place[0]) else place[0]))
        answer = b""
        while len(answer) < _RECORD or len(answer) < _RECORD + int.from_bytes(answer[3:5], "big"):
            if not (more := raw.recv(4096)):
                break
            answer += more
    if answer and answer[0] not in _TLS_RECORDS:
        raise _NoTls
    try:
        return chosen_group(answer), ""
    except ValueError as error:
        return "", str(error)


def _handshake(scheme: str, place: tuple[str, int]) -> tuple[str, str]:
    """Version of TLS with this Python, and the algorithm of the certificate's key."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with _opened(scheme, place) as raw, context.wrap_socket(raw, server_hostname=place[0]) as secured:
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
        return secured.version() or "", _algorithm(certificate)


def _algorithm(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    name = type(key).__name__.removesuffix("PublicKey").lstrip("_")
    return f"{name} {key.key_size}" if hasattr(key, "key_size") else name


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
