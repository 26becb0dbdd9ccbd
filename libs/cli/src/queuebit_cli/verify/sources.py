"""Where facts come from: `LOG` through the operator's own view, duties from the server, rows from the warehouse."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from queuebit_cli.verify.lives import Outstanding
from queuebit_cli.verify.rows import Rows
from queuebit_cli.verify.state import UNKNOWN, CheckSeal, History, mark
from queuebit_contracts.catalog import EVENTS, AnyEvent, decode
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.topology import LOG, topology
from queuebit_kernel import Malformed, Unavailable
from queuebit_runtime.log import Stored
from queuebit_runtime.view import Raw, View

__all__ = ["Bus", "Warehouse", "follow"]

_TIMEOUT_S = 5.0
_ALL = Question(limit=1000)
"""No service tells of more jobs in one answer."""


@dataclass(frozen=True, slots=True)
class Bus:
    """The operator's connection."""

    client: Client

    async def last_sequence(self) -> int:
        """Where `LOG` ends now."""
        return int((await self._ask(f"$JS.API.STREAM.INFO.{LOG}"))["state"]["last_seq"])

    async def outstanding(self, undecided: set[str], unplaced: set[str]) -> Outstanding:
        """Ask the server what its durables hold, and why jobs wait: the broker, and the scheduler for its own."""
        since = await self.last_sequence()
        duties = {}
        for name in (name for name, durable in topology().durable.items() if durable.stream == LOG):
            info = await self._ask(f"$JS.API.CONSUMER.INFO.{LOG}.{name}")
            duties[name] = int(info["num_pending"]) + int(info["num_ack_pending"])
        reasons: dict[tuple[str, str], str] = {}
        for tenant in sorted(undecided):
            with suppress(Unavailable):  # its durable tells that it owes an answer; this is only about the words
                reasons |= await self._reasons(tenant, "admission")
        queue: dict[tuple[str, str], str] = {}
        for tenant in sorted(unplaced):
            queue |= await self._reasons(tenant, "waiting")
        return Outstanding(since, duties, reasons, queue)

    async def _reasons(self, tenant: str, question: str) -> dict[tuple[str, str], str]:
        subject = f"qb.query.{tenant}.{question}"
        try:
            reply = await self.client.request(subject, _ALL.model_dump_json().encode(), timeout=_TIMEOUT_S)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"nobody says what waits ({subject}): {error!r}") from error
        rows = Answer.model_validate_json(reply.data).rows
        return {(tenant, (job := str(row["job"]))): str(row["reason"]).removeprefix(f"job {job} ") for row in rows}

    async def _ask(self, subject: str) -> dict[str, Any]:  # as the server words it
        try:
            reply = await self.client.request(subject, timeout=_TIMEOUT_S)
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"nats-server does not answer {subject}: {error!r}") from error
        answer: dict[str, Any] = json.loads(reply.data)
        if "error" in answer:
            raise Unavailable(f"{subject}: {answer['error'].get('description')}")
        return answer


def follow(bus: Bus, history: History, check_seal: CheckSeal) -> View:
    """A view of everything that feeds `history`."""

    async def fold(raw: Raw) -> None:
        try:
            event = _decode(raw)
        except Malformed as error:
            history.unreadable(raw.subject, raw.sequence, str(error))
        else:
            history.evolve(Stored(event, raw.subject, raw.sequence, raw.stored_at), check_seal)

    return View(bus, "operator", topology().operator.view, fold)


def _decode(raw: Raw) -> AnyEvent:
    """Read an event by the class its header names, which spares looking for the type in the body first."""
    kind = EVENTS.get((raw.message.headers or {}).get("Qb-Type", ""))
    if kind is not None:
        with suppress(ValueError):  # the header lies, or the body breaks its contract
            return kind.model_validate_json(raw.body)
    return decode(raw.body)


@dataclass(frozen=True, slots=True)
class Warehouse:
    """ClickHouse's HTTP interface."""

    url: str
    user: str
    password: str

    async def last_sequence(self) -> int:
        """Up to where the table of events has come."""
        return int((await self._query("SELECT max(seq) FROM events"))[0])

    async def rows(self) -> Rows:
        """Every row's sequence and event id, in order."""
        rows = Rows()
        for line in await self._query("SELECT seq, event_id FROM events ORDER BY seq FORMAT TSV"):
            sequence, event_id = line.split("\t")
            rows.sequences.append(int(sequence))
            rows.marks.append(mark(event_id) if event_id else UNKNOWN)
        return rows

    async def _query(self, sql: str) -> list[str]:
        return await asyncio.to_thread(self._ask, sql)

    def _ask(self, sql: str) -> list[str]:
        if not self.url.startswith(("http://", "https://")):
            raise Unavailable(f"the warehouse's address {self.url!r} is not one of HTTP")
        request = urllib.request.Request(  # noqa: S310  # the scheme was checked
            self.url,
            data=sql.encode(),
            headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # the scheme was checked
                return str(answer.read().decode()).splitlines()
        except urllib.error.HTTPError as error:
            raise Unavailable(f"the warehouse refused: {error.read().decode(errors='replace')[:300]}") from error
        except OSError as error:
            raise Unavailable(f"the warehouse at {self.url} does not answer: {error}") from error
