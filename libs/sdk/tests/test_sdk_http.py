"""The client's side of HTTP, with a scripted server in the place of the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from queuebit import AsyncClient, Credential, InvalidInput, NotFound, QueuebitError, Reason, Refused, Unreachable
from queuebit.credentials import choose
from queuebit.errors import Forbidden
from queuebit.http_connection import Answer, origin_of
from queuebit.http_errors import error_of
from queuebit.http_queries import ask_http
from queuebit.http_transport import HttpTransport
from queuebit.transport import Message
from queuebit_contracts.subjects import of_tenant, stored, subject_of
from queuebit_runtime.keys import new_seed
from queuebit_testing.build import submitted

from .scripted_gateway import JSON, SSE, Script, chunked, problem, scripted


def frame(sequence: int, key: str) -> bytes:
    return b"id: %d\nevent: job.submitted\ndata: %b\n\n" % (sequence, submitted(key).to_bytes())


@asynccontextmanager
async def serving(
    *answers: bytes | None, seed: str = "", token: str = ""
) -> AsyncIterator[tuple[Script, HttpTransport]]:
    async with scripted(*answers) as script:
        transport = HttpTransport(Credential(script.url, "acme", "ann", seed, "p", token=token))
        try:
            yield script, transport
        finally:
            await transport.close()


async def test_a_connection_is_used_again_and_replaced_if_it_was_closed() -> None:
    async with serving(JSON, JSON, None, JSON) as (script, transport):
        assert [await transport.get("/v1/x") for _ in range(3)] == [{"a": 12}] * 3
        assert len(script.heads) == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunked(b'{"a"', b": 12}", b""),
        b"HTTP/1.1 100 Continue\r\n\r\n" + JSON,
        b'HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n{"a": 12}',
    ],
)
async def test_a_body_has_any_of_the_lengths_of_http(answer: bytes) -> None:
    async with serving(answer) as (_, transport):
        assert await transport.get("/v1/x") == {"a": 12}


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"[" * 100_000,
        None,
    ],
)
async def test_what_is_no_gateway_is_unreachable(answer: bytes | None) -> None:
    async with serving(answer) as (script, transport):
        with pytest.raises(Unreachable, match=script.url):
            await transport.get("/v1/x")


async def test_a_lower_rate_is_kept_and_a_write_is_repeated() -> None:
    paced = problem(429, "too_fast", b"retry-after: 0\r\n")
    async with serving(paced, JSON, problem(503, "unavailable"), JSON) as (script, transport):
        assert await transport.get("/v1/x") == {"a": 12}
        assert (await transport.send("POST", "/v1/x", b"{}", repeat=True)).body == b'{"a": 12}'
        assert len(script.heads) == 4


async def test_a_read_that_has_no_answer_is_not_repeated() -> None:
    async with serving(problem(503, "unavailable"), JSON) as (script, transport):
        with pytest.raises(Unreachable):
            await transport.get("/v1/x")
        assert len(script.heads) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind", "codes"),
    [
        (401, "unauthenticated", Refused, ["forbidden"]),
        (403, "forbidden", Forbidden, ["forbidden"]),
        (404, "unknown_job", NotFound, []),
        (409, "other_content", Refused, ["other_content"]),
        (422, "syntax", Refused, ["syntax"]),
        (422, "invalid_input", InvalidInput, []),
        (429, "busy", Refused, ["busy"]),
        (502, "", Unreachable, []),
        (503, "unavailable", Unreachable, []),
    ],
)
def test_a_problem_is_the_error_of_the_bus(status: int, code: str, kind: type[QueuebitError], codes: list[str]) -> None:
    body = {"code": code, "detail": "why", "reasons": [{"code": code, "text": "why"}]}
    error = error_of(
        Answer(status, {"content-type": "application/problem+json"}, json.dumps(body).encode()), "http://gateway"
    )
    assert isinstance(error, kind)
    assert [it.code for it in getattr(error, "reasons", ())] == codes


@pytest.mark.parametrize("reasons", [5, ["a"], [{"code": 1}], None])
def test_reasons_that_are_none_leave_the_rest_of_a_problem(reasons: object) -> None:
    body = json.dumps({"code": "busy", "detail": "why", "reasons": reasons}).encode()
    error = error_of(Answer(503, {"content-type": "application/problem+json"}, body), "http://gateway")
    assert isinstance(error, Unreachable)
    assert "why" in str(error)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "unknown_job"),
        (404, "unknown_session"),
        (409, "not_yours"),
        (422, "bad_limit"),
        (422, "unknown_project"),
        (503, "unavailable"),
    ],
)
def test_an_error_ends_with_the_next_step(status: int, code: str) -> None:
    body = {"code": code, "detail": "why", "reasons": [{"code": code, "text": "why"}], "next_step": "do this"}
    headers = {"content-type": "application/problem+json"}
    text = str(error_of(Answer(status, headers, json.dumps(body).encode()), "http://gateway"))
    assert text.endswith("why; do this")
    last = str(error_of(Answer(status, headers, json.dumps(body | {"next_step": None}).encode()), "http://gateway"))
    assert "why" in last
    assert "None" not in last


def test_an_answer_that_is_no_problem_document_is_no_gateways() -> None:
    error = error_of(Answer(403, {"content-type": "text/html"}, b"<html>"), "http://proxy")
    assert isinstance(error, Unreachable)
    assert "no gateway" in str(error)


async def follow(transport: HttpTransport, seen: list[Message]) -> Callable[[], object]:
    return await transport.follow([stored(of_tenant("job", "acme"))], seen.append, lambda: seen.append(Message("gap")))


async def until(seen: list[Message], number: int) -> list[str]:
    async with asyncio.timeout(5):
        while len(seen) < number:
            await asyncio.sleep(0.01)
    return [it.headers.get("Nats-Sequence", it.subject) for it in seen]


async def test_events_go_on_where_the_stream_broke() -> None:
    first = SSE + chunked(b"retry: 1000\nid: 4\n\n", frame(5, "a")[:20], frame(5, "a")[20:], b": ping\n\n")
    second = SSE + chunked(b"retry: 1000\nid: 5\n\n" + frame(5, "a") + frame(7, "b"), b"")
    async with serving(first, second) as (script, transport):
        seen = list[Message]()
        await follow(transport, seen)
        assert await until(seen, 2) == ["5", "7"]
        assert seen[0].subject == stored(subject_of(submitted("a")))
        assert "last-event-id" not in script.heads[0]
        assert "last-event-id: 5\r\n" in script.heads[1]


async def test_another_log_is_a_gap() -> None:
    reset = SSE + chunked(b'event: reset\ndata: {"reason": "the log has no event 9 yet"}\n\n', b"")
    begun = SSE + chunked(b"retry: 1000\nid: 9\n\n", b"")
    fresh = SSE + chunked(b"retry: 1000\nid: 1\n\n" + frame(2, "a"))
    async with serving(begun, reset, fresh) as (script, transport):
        seen = list[Message]()
        await follow(transport, seen)
        assert await until(seen, 2) == ["gap", "2"]
        assert "last-event-id" not in script.heads[2]


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([b"id: x\n\n", b""], "no sequence"),
        ([b": \xff\n\n", b""], "ended before it began"),
        ([b"x" * 100, b""], "more than 64 bytes"),
    ],
)
async def test_a_stream_that_is_none_of_events_is_unreachable(
    frames: list[bytes], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit.http_events._FRAME_BYTES", 64)
    async with serving(SSE + chunked(*frames)) as (_, transport):
        with pytest.raises(Unreachable, match=text):
            await asyncio.wait_for(follow(transport, []), 5)


async def test_a_stream_that_is_refused_raises_as_a_request() -> None:
    async with serving(problem(401, "unauthenticated")) as (_, transport):
        with pytest.raises(Refused):
            await follow(transport, [])


async def test_who_asks_is_in_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(JSON, seed=new_seed()) as (script, transport):
        await transport.get("/v1/jobs", state=["a", "b"], after=None)
        assert script.heads[0].startswith("get /v1/jobs?state=a&state=b http/1.1\r\n")
        assert 'signature-input: queuebit=("@method" "@authority" "@path" "@query")' in script.heads[0]
    async with serving(JSON, token="qbt_1") as (script, transport):
        await transport.get("/v1/me")
        assert "authorization: bearer qbt_1\r\n" in script.heads[0]


async def test_what_has_no_address_is_refused_with_the_way_on() -> None:
    async with serving() as (_, transport):
        with pytest.raises(InvalidInput, match="address of the bus"):
            await transport.request("qb.identity.acme.delegate")


@pytest.mark.parametrize("url", ["http://", "unix://name/path", "https://u:p@name", "http://name:port", "ftp://x", "x"])
def test_an_address_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"port|address"):
        origin_of(url)


def test_the_address_and_the_token_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ann: Credential
) -> None:
    monkeypatch.setenv("QUEUEBIT_TOKEN", "qbt_1")
    monkeypatch.setenv("QUEUEBIT_URL", "http://queuebit.example.com")
    with pytest.raises(InvalidInput, match="https://"):  # a token may not cross the network in clear
        choose()
    monkeypatch.setenv("QUEUEBIT_URL", "ftp://queuebit.example.com")
    with pytest.raises(InvalidInput, match="no address"):
        choose()
    (tmp_path / "credentials").mkdir()
    file = tmp_path / "credentials" / "acme-ann.toml"
    file.write_text("".join(f'{name} = "{getattr(ann, name)}"\n' for name in ("url", "tenant", "user", "seed")))
    file.chmod(0o600)
    found = choose(tmp_path, url="http://queuebit.example.com")
    assert (found.url, found.user, found.seed, found.token) == ("http://queuebit.example.com", "ann", ann.seed, "")
    assert AsyncClient(ann, url="unix:///run/qb").credential.url == "unix:///run/qb"


def test_reasons_are_kept() -> None:
    body = {"code": "a", "reasons": [{"code": "a", "text": "1"}, {"code": "b", "text": "2"}]}
    error = error_of(Answer(422, {"content-type": "application/problem+json"}, json.dumps(body).encode()), "x")
    assert isinstance(error, Refused)
    assert error.reasons == (Reason("a", "1"), Reason("b", "2"))


async def test_the_audit_trail_has_its_filters_in_the_address() -> None:
    rows = {"data": [{"sequence": 7, "actor": "ada", "objects": ["j1"]}], "next": None, "as_of_seq": 9}
    body = json.dumps(rows).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with serving(head + body) as (script, transport):
        found = await ask_http(transport, "audit", action="roles", actor="ada l", since="2026-11-01T00:00:00Z", limit=3)
    assert found == rows["data"]
    path = script.heads[0].split()[1]
    assert path == "/v1/audit?action=roles&actor=ada+l&limit=3&from=2026-11-01t00%3a00%3a00z"
