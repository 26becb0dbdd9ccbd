"""A certificate authority of one's own, and certificates by it, for the bus and the gateway of an installation."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from queuebit_stack.errors import Exit, Stop

__all__ = ["Certificates", "issue"]

_AUTHORITY_DAYS: Final = 3650
_SERVER_DAYS: Final = 397
_EARLIER: Final = datetime.timedelta(hours=1)
"""How much before now a certificate is valid, for machines whose clocks are behind."""


class Certificates(NamedTuple):
    """Files in PEM. Only their owner can read the two keys."""

    authority: Path
    authority_key: Path
    """Signs further certificates; no server needs it."""
    certificate: Path
    key: Path
    until: datetime.datetime


def issue(folder: Path, names: Sequence[str], now: datetime.datetime) -> Certificates:
    """Write a server's certificate and key, by the authority in the folder; make the authority if there is none.

    Keys are of ECDSA over P-256: Python's and most other TLS libraries do not verify ML-DSA yet. A certificate proves
    who answers while a connection begins, so a quantum computer of a later time does not break it.

    Args:
        folder: where the files are.
        names: names and addresses under which clients reach the servers.
        now: the time from which the certificate is valid.

    Raises:
        Stop: a name is none, or the authority is damaged, or a file cannot be written.
    """
    files = Certificates(
        folder / "ca.pem",
        folder / "ca.key",
        folder / "server.pem",
        folder / "server.key",
        now + datetime.timedelta(days=_SERVER_DAYS),
    )
    alternatives = x509.SubjectAlternativeName([_named(it) for it in names])
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, signer = _authority(files, now)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]), authority.subject, key, now)
            .not_valid_after(min(files.until, authority.not_valid_after_utc))
            .add_extension(alternatives, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, SHA256())
        )
        new_key, new_certificate = (it.with_name(f"{it.name}.new") for it in (files.key, files.certificate))
        _write_key(new_key, key)
        new_certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        new_key.replace(files.key)  # both are written: after a full disk, the old pair is there and fits together
        new_certificate.replace(files.certificate)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return files._replace(until=certificate.not_valid_after_utc)


def _authority(files: Certificates, now: datetime.datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if not files.authority.exists():
        if files.authority_key.exists():
            raise Stop(
                Exit.USAGE,
                f"{files.authority_key} is there without {files.authority.name}, and a new authority would replace it: "
                "bring the certificate back, or choose another folder",
            )
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Queuebit authority {now:%Y-%m-%d}")])
        certificate = (
            _builder(name, name, key, now)
            .not_valid_after(now + datetime.timedelta(days=_AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, SHA256())
        )
        _write_key(files.authority_key, key)
        files.authority.write_bytes(certificate.public_bytes(Encoding.PEM))
        return certificate, key
    try:
        found = x509.load_pem_x509_certificate(files.authority.read_bytes())
        signer = load_pem_private_key(files.authority_key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise Stop(
            Exit.USAGE,
            f"the authority {files.authority} has no usable key {files.authority_key.name}: bring the key back, or "
            "choose another folder for a new authority",
        ) from error
    if found.not_valid_after_utc <= now:
        raise Stop(
            Exit.USAGE,
            f"the authority {files.authority} was valid until {found.not_valid_after_utc:%Y-%m-%d}: make a new one in "
            "another folder, and give it to clients",
        )
    if not isinstance(signer, ec.EllipticCurvePrivateKey) or signer.public_key() != found.public_key():
        raise Stop(Exit.USAGE, f"{files.authority_key} is not the key of {files.authority}: bring the right one back")
    return found, signer


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(text)
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{text!r} is no host name and no address: write others in their ASCII form") from error


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
