"""A real warehouse process for tests: `start_warehouse` starts a new one, `warehouse` is shared."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

USER = "queuebit"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message[str, str]
    """Names in any case."""
    body: bytes

    @property
    def code(self) -> str | None:
        return self.headers.get("X-ClickHouse-Exception-Code")


@dataclass
class Warehouse:
    """A running `python -m queuebit_warehouse`."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    user: str = USER
    password: str = PASSWORD

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> Client:  # whatever the client takes
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.port, username=self.user, password=self.password, **options
        )

    def request(
        self,
        query: str | None = None,
        body: bytes | None = None,
        *,
        path: str = "/",
        keys: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = (USER, PASSWORD),
    ) -> Reply:
        """Send one request as curl does; POST if it has a body."""
        everything = {**({"query": query} if query is not None else {}), **(keys or {})}
        sent = dict(headers or {})
        if credentials:
            sent |= {"X-ClickHouse-User": credentials[0], "X-ClickHouse-Key": credentials[1]}
        url = f"{self.url}{path}" + (f"?{urlencode(everything)}" if everything else "")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=sent), timeout=20) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return Reply(refused.code, refused.headers, refused.read())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(10)


def environment(data_dir: Path, port: int, **settings: object) -> dict[str, str]:
    password_file = data_dir.parent / f"{data_dir.name}.password"
    if not password_file.exists():
        password_file.touch(mode=0o600)
        password_file.write_text(PASSWORD + "\n")
    chosen = {"port": port, "data_dir": data_dir, "password_file": password_file, **settings}
    return {**os.environ, **{f"QUEUEBIT_WAREHOUSE_{key.upper()}": str(value) for key, value in chosen.items()}}


@pytest.fixture(scope="session")
def start_warehouse() -> Iterator[Callable[..., Warehouse]]:
    """`start_warehouse(data_dir, port=0, **settings) -> Warehouse`, ready to serve; stopped with the session."""
    started: list[Warehouse] = []

    def start(data_dir: Path, port: int = 0, **settings: object) -> Warehouse:
        log = data_dir.parent / f"{data_dir.name}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "queuebit_warehouse"],
                env=environment(data_dir, port, **settings),
                stderr=out,
                text=True,
            )
        with log.open() as said:
            while process.poll() is None:
                if found := re.search(r"listening on http://[\w.]+:(\d+)", said.readline()):
                    started.append(Warehouse(process, int(found[1]), log))
                    return started[-1]
        raise AssertionError(f"the warehouse ended with {process.returncode}: {log.read_text()}")

    yield start
    for warehouse in started:
        if warehouse.process.poll() is None:
            warehouse.stop()


@pytest.fixture(scope="session")
def warehouse(start_warehouse: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A shared warehouse, for tests that do not change it."""
    return start_warehouse(tmp_path_factory.mktemp("warehouse") / "data")


@pytest.fixture
def table(warehouse: Warehouse) -> Iterator[str]:
    """A new table with deduplication by token."""
    name = f"t_{os.urandom(6).hex()}"
    columns = "id UInt64, name String, at DateTime64(6, 'UTC') DEFAULT toDateTime64('2026-01-01', 6, 'UTC')"
    warehouse.request(
        body=f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY id "
        "SETTINGS non_replicated_deduplication_window = 100".encode()
    )
    yield name
    warehouse.request(body=f"DROP TABLE {name}".encode())
