"""Several servers, and servers with certificates."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from queuebit.errors import Unreachable
from queuebit.nats_transport import NatsTransport
from queuebit_contracts.topology import inbox_of
from queuebit_runtime.bus import Bus
from queuebit_runtime.server_config import Tls
from queuebit_runtime.servers import servers_of, tls_of
from queuebit_testing.server import NatsServer, free_port


def test_addresses_stand_with_commas_between_them() -> None:
    assert servers_of("nats://a:4222, nats://b:4222,") == ["nats://a:4222", "nats://b:4222"]


def test_no_address_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no server is named"):
        servers_of(" , ")


@pytest.mark.server
async def test_a_server_that_is_down_does_not_keep_a_service_from_the_others(fresh_server: NatsServer) -> None:
    bus = Bus("broker", f"nats://127.0.0.1:{free_port()},{fresh_server.url}", fresh_server.seeds["broker"])
    await bus.connect()
    assert bus.connected
    await bus.close()


@pytest.mark.server
async def test_a_server_that_is_down_does_not_keep_a_client_from_the_others(fresh_server: NatsServer) -> None:
    for _ in range(4):  # the order of servers is drawn by chance
        transport = transport_to(f"nats://127.0.0.1:{free_port()},{fresh_server.url}", fresh_server)
        assert b"LOG" in (await transport.request("$JS.API.STREAM.INFO.LOG")).body
        await transport.close()


@pytest.mark.server
async def test_servers_that_are_all_down_are_said_to_be(fresh_server: NatsServer) -> None:
    transport = transport_to(f"nats://127.0.0.1:{free_port()},nats://127.0.0.1:{free_port()}", fresh_server)
    with pytest.raises(Unreachable, match="nothing answers at"):
        await transport.request("$JS.API.STREAM.INFO.LOG")


@pytest.mark.server
async def test_a_bus_with_tls_is_reached_by_those_who_know_its_authority(tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    async with NatsServer(tmp_path, tls=tls).running() as server:
        bus = Bus("broker", server.url, server.seeds["broker"], tls_of(tls.authority))
        await bus.connect()
        assert bus.connected
        await bus.close()
        known, stranger = transport_to(server.url, server, tls.authority), transport_to(server.url, server)
        assert b"LOG" in (await known.request("$JS.API.STREAM.INFO.LOG")).body
        with pytest.raises(Unreachable):
            await stranger.request("$JS.API.STREAM.INFO.LOG")
        await known.close()


def transport_to(url: str, server: NatsServer, ca_file: Path | None = None) -> NatsTransport:
    return NatsTransport(url, server.seeds["operator"], inbox_of("operator"), ca_file=ca_file)


def certificates(folder: Path) -> Tls:
    """One self-signed certificate for loopback, which is its own authority."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, "bus")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Tls(folder / "server.pem", folder / "server.key", folder / "server.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return files
