"""`qb webhooks …` on endpoints, with a gateway that answers as the real one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from queuebit_cli.main import main
from queuebit_runtime.keys import new_seed, public_key
from queuebit_stack.errors import Exit

SEED = new_seed()
ONE: dict[str, Any] = {
    "id": "wh_aa11", "url": "https://example.com/hook", "types": ["job.completed"], "description": "ours",
    "created_at": "2026-11-29T12:00:00Z", "created_by": "ann", "handshake": True, "per_minute": 60,
    "former_until": None, "disabled": None, "position": 9, "waiting": 0, "replay": None,
}  # fmt: skip
TWO = {**ONE, "id": "wh_ab22", "types": [], "disabled": "the receiver answered 410 Gone", "waiting": 2}
SENT: dict[str, Any] = {
    "n": 7, "webhook_id": "msg_7_x", "type": "job.completed", "state": "retrying", "tries": 1, "status": 503,
    "error": None, "tried_at": "2026-11-29T12:00:00Z", "took_ms": 12, "next_try_at": "2026-11-29T12:00:05Z",
}  # fmt: skip


class Gateway(ThreadingHTTPServer):
    """Answers by method and path, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", "/v1/webhooks"): (200, {"data": [ONE, TWO]}),
            ("GET", "/v1/webhooks/wh_aa11/deliveries"): (200, {"data": [SENT] * 30}),
            ("DELETE", "/v1/webhooks/wh_aa11"): (204, None),
        }


class Handler(BaseHTTPRequestHandler):
    server: Gateway
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        assert f'keyid="{public_key(SEED)}"' in self.headers["signature-input"]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append((self.command, self.path, json.loads(body or b"null")))
        status, document = self.server.answers[self.command, self.path]
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # as the base class names them

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    server = Gateway()
    credential = tmp_path / "ann.toml"
    credential.write_text(
        f'url = "http://127.0.0.1:{server.server_port}"\ntenant = "acme"\nuser = "ann"\nseed = "{SEED}"\n'
    )
    credential.chmod(0o600)
    monkeypatch.setenv("QUEUEBIT_CREDENTIAL", str(credential))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_lists_line_up(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "list"]) == Exit.DONE
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["webhook", "state", "events", "waiting", "url", "label", "reason"]
    assert [row[head.index("state") :].split()[0] for row in rows] == ["up", "disabled"]
    assert len({row.index("https://") for row in rows}) == 1
    assert main(["webhooks", "deliveries", "aa", "--limit", "2"]) == Exit.DONE
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert "retrying" in printed[1]
    assert main(["webhooks", "list", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == [ONE, TWO]


def test_one_is_added_and_its_secret_shown(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers["POST", "/v1/webhooks"] = 201, {**ONE, "secret": "whsec_x", "public_key": "whpk_x"}
    assert main(["webhooks", "add", ONE["url"], "--types", "job.completed", "--handshake"]) == Exit.DONE
    assert "secret, shown this once: whsec_x" in capsys.readouterr().out
    wanted = {"url": ONE["url"], "types": ["job.completed"], "handshake": True}
    assert gateway.asked == [("POST", "/v1/webhooks", wanted)]


@pytest.mark.parametrize(
    ("words", "path", "body", "answer"),
    [
        (["replay", "aa11", "7"], "/deliveries/7:replay", {}, {"webhook": "wh_aa11", "n": 7}),
        (
            ["replay", "wh_aa11", "--after", "3", "--until", "8"],
            ":replay",
            {"after": 3, "until": 8},
            {"webhook": "wh_aa11", "after": 3, "until": 8},
        ),
        (["replay", "aa11", "--after", "3"], ":replay", {"after": 3}, {"webhook": "wh_aa11", "after": 3, "until": 9}),
        (["enable", "aa"], ":enable", {"missed": True}, ONE),
        (["enable", "aa", "--skip-missed"], ":enable", {"missed": False}, ONE),
        (["rotate", "aa"], ":rotate", {"overlap_s": 86_400}, {**ONE, "secret": "whsec_y", "public_key": "whpk_x"}),
        (
            ["rotate", "aa", "--overlap", "0"],
            ":rotate",
            {"overlap_s": 0},
            {**ONE, "secret": "whsec_y", "public_key": "whpk_x"},
        ),
    ],
)
def test_one_is_changed(gateway: Gateway, words: list[str], path: str, body: object, answer: object) -> None:
    gateway.answers["POST", f"/v1/webhooks/wh_aa11{path}"] = 200, answer
    assert main(["webhooks", *words]) == Exit.DONE
    assert gateway.asked[-1] == ("POST", f"/v1/webhooks/wh_aa11{path}", body)


def test_one_is_removed(gateway: Gateway) -> None:
    assert main(["webhooks", "remove", "aa11"]) == Exit.DONE
    assert gateway.asked[-1] == ("DELETE", "/v1/webhooks/wh_aa11", None)


def test_all_about_one_is_shown(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "show", "ab"]) == Exit.DONE
    printed = capsys.readouterr().out
    assert "the receiver answered 410 Gone" in printed
    assert "asked first, at most 60 requests in a minute" in printed


def test_a_test_that_fails_is_an_exit_code(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {"webhook_id": "test_1", "delivered": False, "status": 503, "error": None, "took_ms": 5}
    gateway.answers["POST", "/v1/webhooks/wh_aa11:test"] = 200, failed
    assert main(["webhooks", "test", "aa11"]) == Exit.JOB_FAILED
    assert "it answered 503" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["show", "wh_a"], Exit.USAGE, "2 webhooks begin with wh_a"),
        (["show", "wh"], Exit.USAGE, "2 webhooks begin with wh"),
        (["show", "zz"], Exit.USAGE, "qb webhooks list"),
        (["enable", "aa11"], Exit.REFUSED, "it is not disabled"),
    ],
)
def test_what_is_wrong_is_said(
    gateway: Gateway, words: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = [{"code": "webhook_enabled", "text": "it is not disabled"}]
    refusal = {"code": "webhook_enabled", "detail": "it is not disabled", "reasons": reasons}
    gateway.answers["POST", "/v1/webhooks/wh_aa11:enable"] = 409, refusal
    assert main(["webhooks", *words]) == code
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["replay", "aa"], ["replay", "aa", "7", "--after", "3"], ["rotate", "aa", "--overlap", "x"]]
)
def test_misuse_is_refused(gateway: Gateway, words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["webhooks", *words])
    assert gateway.asked == []
