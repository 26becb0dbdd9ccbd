"""Requests to receivers that are slow, large, gone or elsewhere than they say: real sockets on loopback."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from queuebit_gateway.webhooks.records import Outcome
from queuebit_gateway.webhooks.sending import Sender
from queuebit_kernel import SystemClock
from queuebit_runtime.retries import Verdict

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def receiver(answer: bytes | Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A receiver on a free port: its port, and what it received."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            received.append(head + await reader.readexactly(size))
            if callable(answer):
                await answer(reader, writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], received
    finally:
        server.close()


def sender(**given: object) -> Sender:
    return Sender(("hooks.test",), SystemClock(), **{"resolve": at("127.0.0.1"), **given})  # type: ignore[arg-type]


def at(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(_: str, __: int) -> Sequence[str]:
        return addresses

    return resolve


async def post(port: int, by: Sender | None = None, scheme: str = "http") -> Outcome:
    return await (by or sender()).post(f"{scheme}://hooks.test:{port}/in?a=b", {"webhook-id": "msg_1"}, b"{}")


async def test_a_request_goes_to_the_address_and_names_the_host() -> None:
    async with receiver(b"HTTP/1.1 204 No Content\r\n\r\n") as (port, received):
        outcome = await post(port)
    assert (outcome.verdict, outcome.status) == (Verdict.DELIVERED, 204)
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /in?a=b HTTP/1.1\r\nHost: hooks.test:%d\r\n" % port)
    assert (b"webhook-id: msg_1" in head, body) == (True, b"{}")


@pytest.mark.parametrize(
    ("answer", "status", "error", "wait"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", 302, "redirects are not followed", None),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 77\r\n\r\n", 503, None, 77),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n", 500, None, None),
        (b"SSH-2.0-OpenSSH_9.2\r\n", None, "not HTTP", None),
        (b"", None, "ended before", None),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", None, "16,384 bytes", None),
    ],
)
async def test_answers_that_are_no_success(
    answer: bytes, status: int | None, error: str | None, wait: float | None
) -> None:
    async with receiver(answer) as (port, received):
        outcome = await post(port)
    assert (outcome.verdict, outcome.status, outcome.retry_after_s) == (Verdict.FAILED, status, wait)
    assert (error or "") in (outcome.error or "")
    assert len(received) == 1


async def test_an_endless_answer_is_not_read() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with receiver(endless) as (port, _):
        assert (await post(port)).verdict is Verdict.DELIVERED


async def test_a_receiver_that_hangs_or_dribbles_is_cut() -> None:
    async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for letter in b"HTTP/1.1 200 OK\r\n":
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    for answer in (hang, dribble):
        async with receiver(answer) as (port, _):
            outcome = await post(port, sender(whole_s=0.2))
        assert outcome.verdict is Verdict.FAILED
        assert (outcome.error or "").startswith("no answer")


async def test_the_name_is_checked_again_for_each_request() -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"]]

    async def rebinding(_: str, __: int) -> Sequence[str]:
        return answers.pop()

    by = Sender((), SystemClock(), resolve=rebinding)
    outcome = await by.post("https://rebind.test/", {}, b"{}")
    assert (outcome.status, "loopback address" in (outcome.error or "")) == (None, True)
    assert answers == [["93.184.215.14"]]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "localhost.", "[::ffff:127.0.0.1]"])
async def test_no_form_of_an_address_inside_is_connected_to(host: str) -> None:
    """With the look-up of the machine, and a receiver that would answer."""
    async with receiver(b"HTTP/1.1 200 OK\r\n\r\n") as (port, received):
        outcome = await Sender((), SystemClock()).post(f"https://{host}:{port}/", {}, b"{}")
    assert (outcome.verdict, outcome.status, received) == (Verdict.FAILED, None, [])
    assert "loopback address" in (outcome.error or "")


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"])
async def test_a_name_that_resolves_to_an_address_inside_is_not_connected_to(inside: str) -> None:
    outcome = await Sender((), SystemClock(), resolve=at("93.184.215.14", inside)).post("https://a.test/", {}, b"{}")
    assert (outcome.verdict, outcome.status) == (Verdict.FAILED, None)
    assert "a.test has a " in (outcome.error or "")


async def test_the_address_that_was_checked_is_the_one_that_is_used() -> None:
    """One look-up for a request: between check and connection no other answer can come."""
    asked = []

    async def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with receiver(b"HTTP/1.1 200 OK\r\n\r\n") as (port, _):
        assert (await post(port, sender(resolve=resolve))).verdict is Verdict.DELIVERED
    assert asked == ["hooks.test"]


async def test_a_host_that_cannot_be_found_is_a_failure() -> None:
    async def missing(_: str, __: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    outcome = await post(80, sender(resolve=missing))
    assert (outcome.verdict, "not known" in (outcome.error or "")) == (Verdict.FAILED, True)


async def test_the_certificate_must_name_the_host(tmp_path: Path) -> None:
    served, trusted = contexts(tmp_path, "hooks.test")
    async with receiver(b"HTTP/1.1 200 OK\r\n\r\n", served) as (port, _):
        assert (await post(port, sender(tls=trusted), "https")).verdict is Verdict.DELIVERED
        unknown = await post(port, sender(), "https")
        assert "CERTIFICATE_VERIFY_FAILED" in (unknown.error or "")
    served, trusted = contexts(tmp_path, "other.test")
    async with receiver(b"HTTP/1.1 200 OK\r\n\r\n", served) as (port, _):
        wrong = await post(port, sender(tls=trusted), "https")
        assert "Hostname mismatch" in (wrong.error or "")


def contexts(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server whose certificate names a host, and of a client that trusts it."""
    certificate, key = self_signed(folder, name)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    return served, ssl.create_default_context(cafile=str(certificate))


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a name, and its key."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret


@pytest.mark.parametrize(
    ("head", "refusal", "per_minute"),
    [
        (b"200 OK\r\nWebHook-Allowed-Origin: qb.example\r\nWebHook-Allowed-Rate: 120", None, 120),
        (b"204 No\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: *", None, None),
        (b"200 OK\r\nWebHook-Allowed-Origin: QB.example", None, None),
        (b"200 OK\r\nWebHook-Allowed-Origin: other.example", "other.example, not qb.example", None),
        (b"200 OK", "missing", None),
        (b"405 No\r\nWebHook-Allowed-Origin: *", "OPTIONS with 405", None),
        (b"307 Away\r\nLocation: /x\r\nWebHook-Allowed-Origin: *", "OPTIONS with 307", None),
        (b"200 OK\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: 0", "Rate is 0", None),
        (b"200 OK\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: many", "Rate is many", None),
    ],
)
async def test_the_handshake_of_cloudevents(head: bytes, refusal: str | None, per_minute: int | None) -> None:
    async with receiver(b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n") as (port, received):
        found = await sender().permission(f"http://hooks.test:{port}/in", "qb.example")
    assert found.per_minute == per_minute
    assert (refusal or "") in (found.refusal or "")
    assert (found.refusal is None) is (refusal is None)
    assert b"OPTIONS /in HTTP/1.1\r\n" in received[0]
    assert b"WebHook-Request-Origin: qb.example\r\n" in received[0]
