"""`qb webhooks listen`, with a receiver that verifies what it gets."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from queuebit.events import LoggedEvent
from queuebit_cli.commands import webhooks
from queuebit_cli.main import main
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.webhook import secret_of, secret_text
from queuebit_contracts.wire import UnknownEvent
from queuebit_runtime.keys import new_seed
from queuebit_testing.build import accepted, submitted

SEED = new_seed()
LATER = b'{"specversion": "1.0", "id": "e9", "source": "qb/later", "type": "qb.job.later.v1", "data": {}}'


class Client:
    """A client whose tenant has some events."""

    credential = SimpleNamespace(tenant="acme", seed=SEED)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def events(self) -> AsyncIterator[LoggedEvent]:
        known: list[AnyEvent] = [submitted("k1", job="j1"), accepted("j1")]
        for sequence, event in enumerate(known, 1):
            yield LoggedEvent(sequence, subject_of(event), event)
        subject = "qb.job.acme.j1.later"
        yield LoggedEvent(3, subject, UnknownEvent("qb.job.later.v1", subject, LATER))


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    """A receiver; `taken` has the types that it verified."""
    monkeypatch.setattr(webhooks, "client_of", lambda _: Client())
    verifier = Webhook(secret_text(secret_of(SEED.encode(), "listen")))

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            verifier.verify(body, {name.lower(): value for name, value in self.headers.items()})
            server.taken.append((self.path, json.loads(body)["type"]))
            self.send_response(307 if self.path == "/moved" else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server: Any = HTTPServer(("127.0.0.1", 0), Receiver)
    server.taken = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_events_are_forwarded_signed_and_in_order(receiver: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["webhooks", "listen", "--forward-to", f"http://127.0.0.1:{receiver.server_port}/in?a=b", "--json"]) == 0
    )
    names = ["submitted", "accepted", "later"]
    assert [path for path, _ in receiver.taken] == ["/in?a=b"] * 3
    assert [kind.split(".")[2] for _, kind in receiver.taken] == names
    printed = capsys.readouterr()
    first, *rows = [json.loads(line) for line in printed.out.splitlines()]
    assert first == {"tenant": "acme", "secret": secret_text(secret_of(SEED.encode(), "listen"))}
    assert [(it["sequence"], it["type"], it["answer"]) for it in rows] == [
        (number, f"job.{name}", 204) for number, name in enumerate(names, 1)
    ]


def test_types_are_chosen_and_redirects_are_shown(receiver: Any, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/moved"
    assert main(["webhooks", "listen", "--forward-to", url, "--types", "job.accepted"]) == 0
    assert receiver.taken == [("/moved", "qb.job.accepted.v1")]
    printed = capsys.readouterr()
    assert printed.out.rstrip().endswith("-> 307")
    assert "whsec_" in printed.out


def test_a_receiver_that_is_down_is_said(receiver: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "listen", "--forward-to", "http://127.0.0.1:1/", "--types", "job.accepted"]) == 0
    assert "refused" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://h/", "http://", "http://h:x/", "http://h:0/"])
def test_what_is_no_url_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "listen", "--forward-to", url]) == 2
    assert "http://127.0.0.1:8000/hook" in capsys.readouterr().err
