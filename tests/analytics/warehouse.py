"""A real warehouse process for tests of views: filled with events, asked as any of its users."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from queuebit_contracts.case_sums import ADD_CASES
from queuebit_contracts.kept_cases import keep_cases
from queuebit_contracts.tables import statements
from queuebit_runtime.rows import Row, row_of

__all__ = ["Refused", "Warehouse", "event"]

WRITER = ("queuebit", "a password of the writer")
ANALYST = ("analyst", "a password of the analyst")
_NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Refused(Exception):
    """The warehouse refused a statement; the text is its error."""


def event(subject: str, name: str, at: datetime, **data: Any) -> tuple[str, bytes]:
    """A message of the log: its subject and body. `name` is the type, such as `qb.job.metered.v1`."""
    body = {"id": f"{subject}/{at:%s%f}", "source": "qb/test", "type": name, "time": at.isoformat(), "data": data}
    return subject, json.dumps(body).encode()


class Warehouse:
    """`python -m queuebit_warehouse` in a folder, with the tables and views of this version."""

    def __init__(self, folder: Path, **settings: Path) -> None:
        for name, (_, password) in (("writer", WRITER), ("analyst", ANALYST)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(password)
        given = {
            "PORT": "0",
            "DATA_DIR": folder / "data",
            "PASSWORD_FILE": folder / "writer",
            "ANALYST_PASSWORD_FILE": folder / "analyst",
            **{name.upper(): path for name, path in settings.items()},
        }
        environment = os.environ | {f"QUEUEBIT_WAREHOUSE_{key}": str(value) for key, value in given.items()}
        self._log = (folder / "log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "queuebit_warehouse"], env=environment, stderr=self._log
        )
        self.url = self._address(folder / "log")
        self._last = self._keepings = 0
        try:
            for statement in statements("test"):
                self.ask(statement, user=WRITER)
        except BaseException:
            self.stop()
            raise

    def _address(self, log: Path) -> str:
        with log.open() as lines:
            while self._process.poll() is None:
                if found := re.search(r"listening on (http://\S+),", lines.readline()):
                    return found[1]
        raise AssertionError(log.read_text())

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()

    def fill(self, messages: Iterable[tuple[str, bytes]], *, twice: bool = False) -> None:
        """Append messages as the newest of the log; `twice` as two inserts, as after a lost token."""
        self.fill_at(((_NOW, it) for it in messages), twice=twice)

    def fill_at(self, messages: Iterable[tuple[datetime, tuple[str, bytes]]], *, twice: bool = False) -> None:
        """Append messages, each with the time at which the log stored it."""
        rows = [row_of(*message, self._last + at, stored) for at, (stored, message) in enumerate(messages, 1)]
        self._last += len(rows)
        text = "\n".join(_json(row) for row in rows)
        for number in range(1 + twice):
            token = {"insert_deduplication_token": f"{self._last}/{number}"}
            self.ask(f"INSERT INTO events FORMAT JSONEachRow\n{text}", user=WRITER, settings=token)

    def sum_cases(self) -> None:
        """Add all events to the sums of cases, as telemetry does in time."""
        (row,) = self.ask("SELECT max(through) AS through FROM case_sums WHERE span = 'mark'", user=WRITER)
        if row["through"] < self._last:
            place = {"after": str(row["through"]), "through": str(self._last)}
            self.ask(ADD_CASES, place, user=WRITER, settings={"insert_deduplication_token": f"CASES>{row['through']}"})

    def keep_cases(self, indicator: str) -> None:
        """Ask the view of an indicator and keep its cases, as telemetry does in time."""
        self._keepings += 1
        keeping = {"keeping": str(self._keepings)}
        self.ask(keep_cases(indicator), keeping, user=WRITER, settings={"insert_deduplication_token": str(keeping)})

    def ask(
        self,
        query: str,
        values: Mapping[str, str] | None = None,
        *,
        user: tuple[str, str] = ANALYST,
        settings: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:  # columns of any type
        """Rows of a query with the values of its placeholders; decimals are text.

        Raises:
            Refused: the warehouse's error.
        """
        keys = {f"param_{name}": value for name, value in (values or {}).items()} | dict(settings or {})
        keys |= {"output_format_json_quote_decimals": "1", "output_format_json_quote_64bit_integers": "0"}
        request = urllib.request.Request(
            f"{self.url}/?{urlencode(keys)}",
            query.encode(),
            {"X-ClickHouse-User": user[0], "X-ClickHouse-Key": user[1], "X-ClickHouse-Format": "JSONEachRow"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return [json.loads(line) for line in answer.read().splitlines()]
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.read().decode()) from None


def _json(row: Row) -> str:
    fields = row._asdict() | {"data": row.data.decode(), "generation": "test"}
    for name in ("stored_at", "event_time"):
        fields[name] = f"{fields[name] // 1_000_000}.{fields[name] % 1_000_000:06}"
    return json.dumps(fields)
