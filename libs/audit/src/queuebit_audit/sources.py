"""Sources of facts: `LOG` through the operator's view, consumers from the server, rows from the warehouse."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from array import array
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.readings import Readings
from queuebit_audit.rows import Rows
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import parse, query
from queuebit_contracts.tables import derived_columns, view_query
from queuebit_contracts.topology import LOG, topology
from queuebit_kernel import Unavailable
from queuebit_runtime.rows import MARK
from queuebit_runtime.view import View
from queuebit_stack.warehouse import query_parameters

__all__ = ["Bus", "Warehouse", "follow"]

_TIMEOUT_S = 5.0
_ALL = Question(limit=1000)
"""The most jobs that a service lists in one answer."""

_AT_ONCE = 1 << 20
"""Bytes of rows that are read at once."""
_INTACT = re.compile(rb"(\d+\t){2}\d+\n")
"""A row."""
_VIEWS = ("jobs",)
_DERIVED = derived_columns()
_ROWS = f"""
SELECT
    seq,
    {MARK},
    toString(({", ".join(_DERIVED)}))
        = toString(({", ".join(f"CAST({it.expression} AS {it.type})" for it in _DERIVED.values())}))
FROM events
ORDER BY seq
FORMAT TSV"""  # noqa: S608  # of the contracts' own expressions
"""For every row: a mark of the sent content, and whether the engine's derived columns follow from it."""
_SAME_VIEW = """
WITH concat(database, '.') AS qualified
SELECT replaceAll(as_select, qualified, '') = replaceAll(formatQuerySingleLine({query:String}), qualified, '')
FROM system.tables
WHERE database = currentDatabase() AND name = {name:String}
FORMAT TSV"""


@dataclass(frozen=True, slots=True)
class Bus:
    """The operator's connection."""

    client: Client

    async def last_sequence(self) -> int:
        """The current last sequence of `LOG`."""
        return int((await self._ask(f"$JS.API.STREAM.INFO.{LOG}"))["state"]["last_seq"])

    async def outstanding(self, undecided: set[str], unplaced: set[str]) -> Outstanding:
        """Ask the server for pending messages of consumers, and broker and scheduler why jobs wait."""
        since = await self.last_sequence()
        pending, executors = {}, {}
        for info in [it async for it in self._durables()]:
            pending[info["name"]] = int(info["num_pending"]) + int(info["num_ack_pending"])
            for subject in info["config"].get("filter_subjects") or ():
                if (delivered := parse(subject)).event == "placed":
                    executors[delivered.qualifiers[0]] = info["name"]
        reasons: dict[tuple[str, str], str] = {}
        for tenant in sorted(undecided):
            with suppress(Unavailable):  # its consumer shows that work is pending; only the reason is missing
                reasons |= await self._reasons(tenant, "admission")
        queue: dict[tuple[str, str], str] = {}
        for tenant in sorted(unplaced):
            queue |= await self._reasons(tenant, "waiting")
        return Outstanding(since, pending, reasons, queue, executors)

    async def _durables(self) -> AsyncIterator[dict[str, Any]]:  # the form is the server's own
        """All consumers of the log but those of views; the server lists them page by page."""
        offset, total = 0, 1
        while offset < total:
            page = await self._ask(f"$JS.API.CONSUMER.LIST.{LOG}", {"offset": offset})
            for info in page["consumers"]:
                if info["config"].get("ack_policy") == "explicit":
                    yield info
            offset, total = offset + max(1, len(page["consumers"])), int(page["total"])

    async def _reasons(self, tenant: str, question: str) -> dict[tuple[str, str], str]:
        subject = query(question, tenant)
        try:
            reply = await self.client.request(subject, _ALL.model_dump_json().encode(), timeout=_TIMEOUT_S)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"no answer about waiting jobs ({subject}): {error!r}") from error
        rows = Answer.model_validate_json(reply.data).rows
        return {(tenant, (job := str(row["job"]))): str(row["reason"]).removeprefix(f"job {job} ") for row in rows}

    async def _ask(self, subject: str, options: Mapping[str, int] | None = None) -> dict[str, Any]:  # as above
        try:
            body = json.dumps(options).encode() if options else b""
            reply = await self.client.request(subject, body, timeout=_TIMEOUT_S)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"nats-server does not answer {subject}: {error!r}") from error
        answer: dict[str, Any] = json.loads(reply.data)
        if "error" in answer:
            raise Unavailable(f"{subject}: {answer['error'].get('description')}")
        return answer


def follow(bus: Bus, readings: Readings) -> View:
    """A view of the whole log; its history is complete after `readings.finish`."""
    return View(bus, "operator", topology().operator.view, readings.take)


@dataclass(frozen=True, slots=True)
class Warehouse:
    """ClickHouse's HTTP interface."""

    url: str
    user: str
    password: str

    async def last_sequence(self) -> int:
        """The last sequence in the table of events."""
        return int((await self._query("SELECT max(seq) FROM events"))[0])

    async def rows(self) -> Rows:
        """The compared values of every row, in order of sequence, and of the views."""
        return await asyncio.to_thread(self._rows)

    def _rows(self) -> Rows:
        rows = Rows()
        with self._asking(_ROWS) as answer:
            while lines := answer.readlines(_AT_ONCE):
                figures = _figures(lines)
                rows.sequences.extend(figures[0::3])
                rows.marks.extend(figures[1::3])
                if not all(intact := figures[2::3]):
                    rows.altered.extend(it for it, good in zip(figures[0::3], intact, strict=True) if not good)
        for view in _VIEWS:
            with self._asking(_SAME_VIEW, name=view, query=view_query(view)) as answer:
                if answer.read().strip() != b"1":
                    rows.views.append(view)
        return rows

    async def _query(self, sql: str) -> list[str]:
        return await asyncio.to_thread(self._ask, sql)

    def _ask(self, sql: str) -> list[str]:
        with self._asking(sql) as answer:
            return str(answer.read().decode()).splitlines()

    @contextmanager
    def _asking(self, sql: str, **parameters: str) -> Iterator[HTTPResponse]:
        """The answer, streamed."""
        if not self.url.startswith(("http://", "https://")):
            raise Unavailable(f"the warehouse's address {self.url!r} is not an HTTP address")
        request = urllib.request.Request(  # noqa: S310  # the scheme was checked
            f"{self.url}/?{urllib.parse.urlencode(query_parameters(parameters))}",
            data=sql.encode(),
            headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # the scheme was checked
                yield answer
        except urllib.error.HTTPError as error:
            raise Unavailable(f"the warehouse refused: {error.read().decode(errors='replace')[:300]}") from error
        except (OSError, HTTPException) as error:
            raise Unavailable(f"the warehouse at {self.url} does not answer: {error}") from error


def _figures(lines: list[bytes]) -> array[int]:
    """Some lines of the answer: three numbers each.

    Raises:
        Unavailable: one is the error of a query that failed while it streamed.
    """
    try:
        figures = array("Q", map(int, b"".join(lines).split()))
        if len(figures) == 3 * len(lines):
            return figures
    except ValueError:
        pass
    broken = next((it for it in lines if not _INTACT.fullmatch(it)), b"")
    raise Unavailable(f"the warehouse's answer broke off: {broken.decode(errors='replace').strip()[:300]}")
