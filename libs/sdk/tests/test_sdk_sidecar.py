"""A sidecar between a program without credentials and a scripted gateway."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from queuebit import Credential, InvalidInput, Refused
from queuebit.credentials import choose
from queuebit.sidecar import Sidecar
from queuebit.sidecar_requests import Request, keyed
from queuebit_runtime.keys import new_seed

from .scripted_gateway import JSON, SSE, Script, chunked, problem, scripted

PLAIN = {"content-type": "text/x-openqasm"}


def granted(token: str) -> bytes:
    body = json.dumps({"access_token": token, "expires_in": 3600}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def beside(
    folder: Path, *answers: bytes | None, token: str = "qbt_1", seed: str = ""
) -> AsyncIterator[tuple[Script, Path]]:
    path = folder / "s.sock"
    async with scripted(*answers) as script:
        sidecar = Sidecar(Credential(script.url, "acme", "ann", seed, "p", token=token), path)
        await sidecar.start()
        try:
            yield script, path
        finally:
            await sidecar.close()


async def ask(path: Path, request: str, body: bytes = b"", *headers: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_unix_connection(path)
    lines = [f"{request} HTTP/1.1", "host: x", *headers, f"content-length: {len(body)}"]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), content


async def test_only_this_user_may_connect_and_the_socket_goes_with_it(tmp_path: Path) -> None:
    async with beside(tmp_path) as (_, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(InvalidInput, match="another process uses it"):
            await Sidecar(Credential("http://127.0.0.1:1", "acme", "ann", "", token="t"), path).start()
        assert path.exists()
    assert not path.exists()


async def test_the_socket_of_a_killed_sidecar_is_replaced_and_no_other_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s.sock"))
    async with beside(tmp_path, JSON) as (_, path):
        assert await ask(path, "GET /v1/me") == (200, b'{"a": 12}')
    (tmp_path / "s.sock").write_text("notes")
    with pytest.raises(InvalidInput, match="cannot be the socket"):
        async with beside(tmp_path):
            pass
    assert (tmp_path / "s.sock").read_text() == "notes"


async def test_the_token_is_added_and_what_the_program_says_of_itself_is_dropped(tmp_path: Path) -> None:
    async with beside(tmp_path, JSON) as (script, path):
        forged = ("authorization: Bearer other", "signature: x", "cookie: y", "accept: application/json")
        assert (await ask(path, "GET /v1/jobs?limit=2", b"", *forged))[0] == 200
    (head,) = script.heads
    assert head.startswith("get /v1/jobs?limit=2 http/1.1\r\n")
    assert [it for it in head.split("\r\n") if it.startswith(("authorization", "signature", "cookie", "accept:"))] == [
        "accept: application/json",
        "authorization: bearer qbt_1",
    ]


async def test_a_job_is_submitted_once_however_often_it_is_sent(tmp_path: Path) -> None:
    away = problem(503, "unavailable")
    async with beside(tmp_path, None, away, JSON) as (script, path):
        assert (await ask(path, "POST /v1/jobs", b"x", "content-type: text/x-openqasm"))[0] == 200
    keys = {line for head in script.heads for line in head.split("\r\n") if line.startswith("idempotency-key: ")}
    assert (len(script.heads), len(keys), {*script.bodies}) == (3, 1, {b"x"})


async def test_what_may_not_be_repeated_is_sent_once(tmp_path: Path) -> None:
    async with beside(tmp_path, problem(503, "unavailable"), JSON) as (script, path):
        assert (await ask(path, "POST /v1/webhooks", b"{}"))[0] == 503
        assert len(script.heads) == 1


async def test_what_may_not_be_repeated_is_not_sent_again_when_its_connection_closes(tmp_path: Path) -> None:
    async with beside(tmp_path, JSON, None, JSON) as (script, path):
        assert (await ask(path, "GET /v1/me"))[0] == 200
        assert (await ask(path, "POST /v1/webhooks", b"{}"))[0] == 503
        assert len(script.heads) == 2


async def test_a_token_that_has_ended_is_replaced_and_the_last_one_revoked(tmp_path: Path) -> None:
    answers = (granted("qbt_a"), problem(401, "expired"), granted("qbt_b"), JSON, granted(""))
    async with beside(tmp_path, *answers, token="", seed=new_seed()) as (script, path):
        assert (await ask(path, "GET /v1/me"))[0] == 200
    lines = [head.split(" ")[1] for head in script.heads]
    assert lines == ["/oauth/token", "/v1/me", "/oauth/token", "/v1/me", "/oauth/revoke"]
    assert b"qbt_b" in script.bodies[-1]


async def test_a_stream_passes_as_it_arrives_and_ends_with_the_sidecar(tmp_path: Path) -> None:
    async with beside(tmp_path, SSE + chunked(b"id: 4\n\n")) as (script, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /v1/events HTTP/1.1\r\nhost: x\r\nlast-event-id: 3\r\n\r\n")
        assert b"text/event-stream" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert await asyncio.wait_for(reader.readuntil(b"\n\n"), 5) == b"id: 4\n\n"
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert "last-event-id: 3" in script.heads[0]
    writer.close()


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "code"),
    [
        ("GET /oauth/token", (), 404, "no_such_address"),
        ("GET http://other/v1/me", (), 404, "no_such_address"),
        ("PATCH /v1/me", (), 400, "bad_request"),
        ("POST /v1/jobs", ("transfer-encoding: chunked",), 411, "length_required"),
        ("POST /v1/jobs", ("content-length: 99999999",), 413, "body_too_large"),
        ("POST /v1/jobs", ("content-length: -1",), 400, "bad_request"),
        ("GET /v1/me", ("x: " + "y" * 70_000,), 431, "head_too_large"),
        ("GET /v1/me", ("prefer: x\n\nGET /openapi.json HTTP/1.1\nhost: localhost",), 400, "bad_request"),
        ("GET /v1/me", ("prefer: x\rauthorization: Bearer other",), 400, "bad_request"),
    ],
)
async def test_what_is_not_forwarded_is_refused(
    tmp_path: Path, request_line: str, headers: tuple[str, ...], status: int, code: str
) -> None:
    async with beside(tmp_path) as (script, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(("\r\n".join([f"{request_line} HTTP/1.1", *headers]) + "\r\n\r\n").encode())
        head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
        assert (int(head.split()[1]), json.loads(body)["code"]) == (status, code)
        assert script.heads == []
        writer.close()


def test_keys_follow_from_the_request_where_they_have_a_beginning() -> None:
    one = Request("POST", "/v1/jobs?shots=1", PLAIN, b"a")
    key = keyed(one, "run-7").headers["idempotency-key"]
    assert key.startswith("run-7-")
    assert keyed(one, "run-7").headers["idempotency-key"] == key
    others = [
        Request("POST", "/v1/jobs?shots=2", PLAIN, b"a"),
        Request("POST", "/v1/jobs?shots=1", PLAIN, b"b"),
        Request("POST", "/v1/jobs?shots=1", {"content-type": "application/json"}, b"a"),
    ]
    assert len({key, *(keyed(it, "run-7").headers["idempotency-key"] for it in others)}) == 4
    session = Request("POST", "/v1/sessions", {"content-type": "application/json"}, b'{"backend": "aer"}')
    assert keyed(session, "run-7").headers["idempotency-key"] == keyed(session, "run-7").headers["idempotency-key"]
    assert keyed(one, None).headers["idempotency-key"] != keyed(one, None).headers["idempotency-key"]


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/v1/jobs", {"idempotency-key": "own"}, b"a"),
        Request("POST", "/v1/jobs", {"content-type": "application/cloudevents+json"}, b"{}"),
        Request("POST", "/v1/jobs", {"content-type": "application/json"}, b'{"event": {}}'),
        Request("POST", "/v1/jobs:status", PLAIN, b"a"),
        Request("POST", "/v1/sessions/s1:close", PLAIN, b""),
        Request("GET", "/v1/jobs", {}),
    ],
)
def test_what_has_a_key_or_needs_none_keeps_it_so(request_: Request) -> None:
    assert keyed(request_, "run-7") == request_


async def test_a_sidecar_without_credentials_or_with_wrong_ones_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="QUEUEBIT_TOKEN"):
        Sidecar(Credential("https://gateway", "acme", "ann", ""), tmp_path / "s.sock")
    refused = b'HTTP/1.1 400 X\r\ncontent-length: 58\r\n\r\n{"error": "invalid_scope", "error_description": "too wide"}'
    async with scripted(refused.replace(b"58", str(len(refused.partition(b"\r\n\r\n")[2])).encode())) as script:
        sidecar = Sidecar(Credential(script.url, "acme", "ann", new_seed()), tmp_path / "s.sock")
        with pytest.raises(Refused, match="too wide"):
            await sidecar.start()
        await sidecar.close()


def test_a_program_beside_it_needs_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    who = b'{"tenant": "acme", "user": "ann", "project": "p"}'

    async def served() -> str:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(who), who)
        async with beside(tmp_path, answer) as (_, path):
            monkeypatch.setenv("QUEUEBIT_URL", f"unix://{path}")
            found = await asyncio.to_thread(choose)
            return f"{found.tenant}/{found.user}/{found.project}/{found.seed}"

    assert asyncio.run(served()) == "acme/ann/p/"
