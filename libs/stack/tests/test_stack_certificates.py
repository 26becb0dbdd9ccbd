"""Certificates that clients verify, and a probe that says what a server chose."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from queuebit_runtime.server_config import Tls
from queuebit_stack import hops
from queuebit_stack.certificates import Certificates, issue
from queuebit_stack.errors import Stop
from queuebit_stack.hops import look_at
from queuebit_stack.tls_probe import HYBRID, chosen_group
from queuebit_testing.server import NatsServer

NAMES = ["localhost", "127.0.0.1"]


@pytest.fixture
def files(tmp_path: Path) -> Certificates:
    return issue(tmp_path / "tls", NAMES, datetime.now(UTC))


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_authority_stays_and_the_certificate_of_a_server_is_renewed(files: Certificates) -> None:
    authority, before = files.authority.read_bytes(), certificate(files.certificate)
    later = issue(files.authority.parent, ["bus.example", "10.0.0.5"], datetime.now(UTC) + timedelta(days=300))
    now = certificate(later.certificate)
    assert later.authority.read_bytes() == authority
    assert now.serial_number != before.serial_number
    now.verify_directly_issued_by(certificate(later.authority))
    names = now.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["bus.example"]
    assert [str(it) for it in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.5"]
    assert {it.stat().st_mode & 0o777 for it in (later.key, later.authority_key)} == {0o600}


def test_a_certificate_ends_no_later_than_its_authority(files: Certificates) -> None:
    late = issue(files.authority.parent, NAMES, datetime.now(UTC) + timedelta(days=3500))
    assert late.until == certificate(files.authority).not_valid_after_utc


def test_an_authority_without_its_key_is_not_replaced(files: Certificates, tmp_path: Path) -> None:
    files.authority_key.unlink()
    with pytest.raises(Stop, match=r"has no usable key ca\.key"):
        issue(files.authority.parent, NAMES, datetime.now(UTC))
    other = issue(tmp_path / "other", NAMES, datetime.now(UTC))
    files.authority_key.write_bytes(other.authority_key.read_bytes())
    with pytest.raises(Stop, match="is not the key of"):
        issue(files.authority.parent, NAMES, datetime.now(UTC))


def test_a_name_outside_of_ascii_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="ASCII"):
        issue(tmp_path, ["bücher.example"], datetime.now(UTC))


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 400 Bad", b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"],
    ids=["nothing", "http", "alert", "torn"],
)
def test_what_is_no_answer_of_tls_1_3_has_no_group(answer: bytes) -> None:
    with pytest.raises(ValueError, match="TLS"):
        chosen_group(answer)


def test_a_server_on_older_openssl_is_asked_by_what_it_knows(files: Certificates) -> None:
    """Python's own server answers the handmade message, and the real handshake after it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                taken, _ = listening.accept()
                try:
                    context.wrap_socket(taken, server_side=True).close()
                except OSError:
                    taken.close()  # the probe ends the first handshake

        thread = threading.Thread(target=serve)
        thread.start()
        found = look_at(f"https://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()
    expected = HYBRID if ssl.OPENSSL_VERSION_INFO[:2] >= (3, 5) else "X25519"
    assert (found.protocol, found.group, found.certificate) == ("TLSv1.3", expected, "ECDSA secp256r1")
    assert found.post_quantum is (expected == HYBRID)


@pytest.mark.parametrize(("version", "post_quantum"), [((3, 0, 19), False), ((3, 5, 7), True)])
@pytest.mark.server
async def test_nats_server_chooses_the_hybrid_and_python_only_with_a_library_that_has_it(
    files: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], post_quantum: bool
) -> None:
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", version)
    server = NatsServer(tmp_path, tls=Tls(files.certificate, files.key, files.authority))
    await server.start()  # its clients verify the certificate
    try:
        found = hops.look_at(server.url)
    finally:
        server.kill()
    assert (found.protocol, found.group, found.post_quantum) == ("TLSv1.3", HYBRID, post_quantum)
    assert bool(found.note) is not post_quantum


def test_an_https_address_at_which_plain_http_answers_is_called_plain() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            taken, _ = listening.accept()
            with taken:
                taken.recv(4096)
                taken.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        found = look_at(f"https://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()
    assert (found.protocol, found.group, found.post_quantum) == ("plain", "", False)
    assert "does not speak TLS" in found.note


def test_what_does_not_answer_and_what_is_no_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert look_at(f"nats://127.0.0.1:{port}").note.startswith("not reached")
    assert look_at("http://localhost:1").note == "not encrypted, and does not leave this machine"
    assert look_at("http://gateway.example").note == "not encrypted"
    with pytest.raises(ValueError, match="is no address"):
        look_at("ftp://x")


def test_an_authority_whose_certificate_is_missing_is_not_replaced(tmp_path: Path) -> None:
    made = issue(tmp_path, ["localhost"], datetime.now(UTC))
    kept = made.authority_key.read_bytes()
    made.authority.unlink()
    with pytest.raises(Stop, match="would replace it"):
        issue(tmp_path, ["localhost"], datetime.now(UTC))
    assert made.authority_key.read_bytes() == kept


def test_an_authority_that_is_no_longer_valid_makes_no_certificates(tmp_path: Path) -> None:
    issue(tmp_path, ["localhost"], datetime.now(UTC))
    with pytest.raises(Stop, match="was valid until"):
        issue(tmp_path, ["localhost"], datetime.now(UTC) + timedelta(days=3651))


def test_a_certificate_that_cannot_be_written_leaves_the_pair_that_was_there(tmp_path: Path) -> None:
    made = issue(tmp_path, ["localhost"], datetime.now(UTC))
    kept = made.key.read_bytes(), made.certificate.read_bytes()
    (tmp_path / "server.pem.new").mkdir()
    with pytest.raises(Stop, match="cannot be written"):
        issue(tmp_path, ["localhost"], datetime.now(UTC))
    assert (made.key.read_bytes(), made.certificate.read_bytes()) == kept
