"""A real warehouse that is asked as `qb invoice` asks it, and a log of usage facts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queuebit_contracts.tables import statements
from queuebit_runtime.rows import Row
from queuebit_testing.server import free_port

_PASSWORD = "correct horse battery staple"


def _times(row: Row) -> dict[str, str]:
    moments = {"stored_at": row.stored_at, "event_time": row.event_time}
    return {name: str(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=it))[:-6] for name, it in moments.items()}


class Warehouse:
    """`python -m queuebit_warehouse`, and the two things that are asked of it here."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "password").touch(mode=0o600)
        (folder / "password").write_text(_PASSWORD)
        settings = {"PORT": self.port, "DATA_DIR": folder / "data", "PASSWORD_FILE": folder / "password"}
        environment = os.environ | {f"QUEUEBIT_WAREHOUSE_{name}": str(it) for name, it in settings.items()}
        log = folder / "warehouse.log"
        with log.open("wb") as out:
            self.process = subprocess.Popen([sys.executable, "-m", "queuebit_warehouse"], env=environment, stderr=out)
        with log.open() as said:
            while self.process.poll() is None:
                if re.search("listening on", said.readline()):
                    break
            else:
                raise AssertionError(log.read_text())
        for statement in statements("g1"):
            self._post(statement)

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert rows as they are: a row that is inserted again is stored again."""
        lines = [
            json.dumps({**it._asdict(), **_times(it), "data": it.data.decode(), "generation": "g1"}) for it in rows
        ]
        self._post("\n".join(lines), {"query": "INSERT INTO events FORMAT JSONEachRow"})

    def ask(self, sql: str, parameters: Mapping[str, str]) -> list[list[Any]]:
        """The rows of a query."""
        settings = {f"param_{name}": value for name, value in parameters.items()}
        settings["output_format_json_quote_decimals"] = "1"
        rows: list[list[Any]] = json.loads(self._post(sql + " FORMAT JSONCompact", settings))["data"]
        return rows

    def _post(self, sql: str, settings: Mapping[str, str] | None = None) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/?{urllib.parse.urlencode(settings or {})}",
            data=sql.encode(),
            headers={"X-ClickHouse-User": "queuebit", "X-ClickHouse-Key": _PASSWORD},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    running = Warehouse(tmp_path_factory.mktemp("warehouse"))
    yield running
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
