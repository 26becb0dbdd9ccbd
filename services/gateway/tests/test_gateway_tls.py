"""The gateway with a certificate: TLS only, and HTTP/1.1 only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp

from queuebit_gateway.server import Server, listen_on
from queuebit_gateway.settings import Settings

REQUEST = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that its own key signed, and the key."""
    folder, key, now = tmp_path_factory.mktemp("tls"), Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, None)
    )
    pem, secret = folder / "chain.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return pem, secret


@asynccontextmanager
async def serving(app: ASGIApp, certificate: tuple[Path, Path]) -> AsyncIterator[int]:
    """The port of a gateway with this certificate."""
    settings = Settings(port=0, certificate=certificate[0], certificate_key=certificate[1])
    listening = listen_on(settings)
    server = Server(app, settings, listening)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run_until_exit())
        try:
            yield listening.getsockname()[1]
        finally:
            server.end()


async def ask(port: int, tls: ssl.SSLContext | None) -> tuple[bytes, str | None]:
    """What it answers, and the protocol on which both sides agreed."""
    async with asyncio.timeout(10):
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
        writer.write(REQUEST)
        content = await reader.read()
        agreed = writer.get_extra_info("ssl_object")
        writer.close()
        return content, agreed.selected_alpn_protocol() if agreed else None


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """A client that trusts the certificate, and would rather speak HTTP/2."""
    context = ssl.create_default_context(cafile=certificate[0])
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def test_a_client_that_trusts_the_certificate_is_served_over_http_1_1(
    app: ASGIApp, certificate: tuple[Path, Path], trusting: ssl.SSLContext
) -> None:
    async with serving(app, certificate) as port:
        content, agreed = await ask(port, trusting)
    assert content.startswith(b"HTTP/1.1 200 OK\r\n")
    assert agreed in (None, "http/1.1")


async def test_a_client_that_does_not_trust_it_goes(app: ASGIApp, certificate: tuple[Path, Path]) -> None:
    async with serving(app, certificate) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, ssl.create_default_context())


async def test_plain_http_gets_no_answer(app: ASGIApp, certificate: tuple[Path, Path]) -> None:
    async with serving(app, certificate) as port:
        try:
            content, _ = await ask(port, None)
        except ConnectionResetError:
            content = b""
    assert b"HTTP" not in content
