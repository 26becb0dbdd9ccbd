"""Real processes on a real server: kill -9 while alerts flap, and two processes at once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMh"
CHILD = Path(__file__).with_name("scripted_service.py")
FLAPS = 6


class Pager:
    """Takes notifications, verifies them, and fails now and then."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        self.fails = random.Random(7)
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                payload = Webhook(SECRET).verify(body, {name.lower(): it for name, it in self.headers.items()})
                owner.got.append((self.headers["webhook-id"], payload))
                self.send_response(500 if owner.fails.random() < 0.2 else 204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/page"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ids(self, status: str) -> dict[str, set[int]]:
        """The firings that each id is about, of notifications with a status."""
        found: dict[str, set[int]] = {}
        for name, payload in self.got:
            if payload["type"] == f"alert.{status}":
                found.setdefault(name, set()).add(len(payload["data"]["alerts"]))
        return found


@pytest.fixture
def pager() -> Iterator[Pager]:
    pager = Pager()
    yield pager
    pager.server.shutdown()
    pager.server.server_close()


@pytest.fixture
def folder(tmp_path: Path, pager: Pager) -> Path:
    (tmp_path / "hook").write_text(SECRET)
    (tmp_path / "hook").chmod(0o600)
    (tmp_path / "alerts.toml").write_text(
        "resolve_after_s = 0\ngroup_interval_s = 0\n"
        f'[receiver.pager]\nkind = "webhook"\nurl = "{pager.url}"\nsecret = "hook"\n'
        '[route.all]\nreceivers = ["pager"]\n'
    )
    says(tmp_path, False)
    return tmp_path


def says(folder: Path, firing: bool) -> None:
    (folder / "draft").write_text(json.dumps({"one": firing}))
    (folder / "draft").rename(folder / "says")


async def start(server: NatsServer, folder: Path, name: str = "one") -> Process:
    environment = {
        **os.environ,
        "QUEUEBIT_BUS_URL": server.url,
        "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file("alerting")),
        "QUEUEBIT_ALERTING_DOCUMENT": str(folder / "alerts.toml"),
        "QUEUEBIT_ALERTING_SECRETS": str(folder),
        "QUEUEBIT_ALERTING_NAME": name,
        "QUEUEBIT_ALERTING_EVERY_S": "0.05",
        "QUEUEBIT_ALERTING_LEASE_S": "0.5",
        "SCRIPT": str(folder / "says"),
    }
    return await asyncio.create_subprocess_exec(sys.executable, str(CHILD), env=environment)


async def end(*processes: Process) -> None:
    for it in processes:
        if it.returncode is None:
            it.kill()
        await it.wait()


async def until_count(pager: Pager, status: str, number: int) -> None:
    async with asyncio.timeout(45):
        while len(pager.ids(status)) < number:
            await asyncio.sleep(0.02)


async def test_flaps_with_kills_and_two_processes_have_one_id_for_each_firing(
    fresh_server: NatsServer, folder: Path, pager: Pager
) -> None:
    """Every second flap, the process that leads is killed at a random moment; another one stands by."""
    chance = random.Random(3)
    running = [await start(fresh_server, folder, "one"), await start(fresh_server, folder, "two")]
    try:
        for flap in range(1, FLAPS + 1):
            says(folder, True)
            if flap % 2:
                await asyncio.sleep(chance.random() * 0.3)
                running[flap // 2 % 2].kill()
                await running[flap // 2 % 2].wait()
                running[flap // 2 % 2] = await start(fresh_server, folder, ("one", "two")[flap // 2 % 2])
            await until_count(pager, "firing", flap)
            says(folder, False)
            await until_count(pager, "resolved", flap)
        await asyncio.sleep(0.5)
    finally:
        await end(*running)
    assert len(pager.ids("firing")) == len(pager.ids("resolved")) == FLAPS
    assert Counter(len(it) for it in pager.ids("firing").values()) == {1: FLAPS}
