"""Fills the log of a stopped stack with finished jobs: copies of jobs that it ran.

The copies have ids, times, signatures and proofs of their own. A stack runs a hundred jobs a second; this tool writes a
thousand or more. It starts a server of its own on the store of the home, which syncs rarely and lets one user write
everything. What the services would have computed is computed here by their libraries, so that `qb verify` finds nothing
wrong. The warehouse is not written: telemetry fills it at the next start.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import nats
import orjson
from nats.aio.client import Client

from queuebit.credentials import Credential, load
from queuebit.submission import submission
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.subjects import parse, proof
from queuebit_contracts.topology import LOG
from queuebit_contracts.transparency import Checkpoint, LogCheckpointed
from queuebit_kernel import digest, event_id, rfc3339
from queuebit_proof import KeyRing, TileLog, entry_of, sign_checkpoint
from queuebit_runtime.server_config import server_binary
from queuebit_stack.encryption import STORE_KEY, bus_store_key
from queuebit_stack.home import Home
from queuebit_testing.server import free_port

__all__ = ["fill"]

_EVENTS = ("submitted", "held", "accepted", "placed", "started", "completed", "metered", "settled", "sealed")
"""Of a job that completed, in the order in which the copies are written."""
_TOGETHER = 32
"""Jobs that share a checkpoint."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_ID = re.compile(r'"id":"([^"]+)"')
_SALT = re.compile(r'(?<=\\"salt\\":\\")[0-9a-f]{32}')
_PLACE = re.compile(r'"leaf_index":\d+,"tree_size":\d+')
_WRITER = "fill"

_Message = tuple[str, bytes]
"""Subject and body."""


@dataclass(frozen=True, slots=True)
class _Original:
    """A job that the stack ran."""

    submitted: JobSubmitted
    sequences: Mapping[str, int]
    """By event."""
    bodies: Mapping[str, str]

    @classmethod
    def of(cls, found: Mapping[str, tuple[int, bytes]]) -> _Original:
        submitted = JobSubmitted.model_validate_json(found["submitted"][1])
        bodies = {name: body.decode() for name, (_, body) in found.items()}
        return cls(submitted, {name: sequence for name, (sequence, _) in found.items()}, bodies)

    @property
    def alone(self) -> bool:
        """Whether the decision about its place concerns no other job; one about many is not in the event."""
        content = json.loads(self.bodies["placed"])["data"]["decision"].get("inline")
        groups = json.loads(content)["groups"] if content else []
        return [it["jobs"]["job"] for it in groups] == [[self.submitted.data.job]]


class _Copy:
    """A copy of a job that ends now and begins at a sequence of the log."""

    def __init__(self, original: _Original, credential: Credential, first: int, now: datetime) -> None:
        self._original = original
        self._first = first
        asked = original.submitted.data
        self._shift = now - datetime.fromisoformat(_TIME.findall(original.bodies["sealed"])[0])
        self._submitted = submission(
            credential,
            asked.circuit,
            shots=asked.shots,
            project=asked.project,
            backend=asked.backend,
            purpose=asked.purpose,
            label=asked.label,
            key=None,
            max_cost=None,
            seed=None,
        ).model_copy(update={"time": original.submitted.time + self._shift})
        self.job = self._submitted.data.job
        trace = json.loads(original.bodies["held"])["traceparent"].split("-")[1]
        self._changed = {
            asked.job: self.job,
            str(original.submitted.provenanceid): str(self._submitted.provenanceid),
            trace: secrets.token_hex(16),
        }
        self._seal = self._changed_in("sealed")
        self._seal = _SALT.sub(secrets.token_hex(16), self._seal)
        self._statement = json.loads(self._seal)["data"]["text"].encode()

    @property
    def entry(self) -> bytes:
        """Its entry in the transparency log."""
        return entry_of(self._statement)

    def messages(self) -> Iterator[_Message]:
        """Everything up to its settlement, in order."""
        asked = self._submitted.data
        history, account = job_aggregate(asked.tenant, self.job), f"qb.account.{asked.tenant}.{asked.project}"
        yield history.event("submitted"), self._submitted.to_bytes()
        yield f"{account}.held", self._changed_in("held").encode()
        submission, accepted = (f'"submission":{it}' for it in (self._original.sequences["submitted"], self._first))
        yield history.event("accepted"), self._changed_in("accepted").replace(submission, accepted).encode()
        yield history.event("placed", str(asked.backend)), self._placed()
        for name in ("started", "completed", "metered"):
            yield history.event(name), self._changed_in(name).encode()
        yield f"{account}.settled.{self.job}", self._changed_in("settled").encode()

    def seal(self, index: int, size: int) -> _Message:
        """Its seal, at an index of the transparency log whose next head has that size."""
        before = json.loads(self._original.bodies["sealed"])["data"]["statement"]
        body = self._seal.replace(before, digest(self._statement))
        body = _PLACE.sub(f'"leaf_index":{index},"tree_size":{size}', body)
        return job_aggregate(self._submitted.data.tenant, self.job).event("sealed"), body.encode()

    def _placed(self) -> bytes:
        """Its placement, with the decision as it would have been made now."""
        event = json.loads(self._changed_in("placed"))
        decision = json.loads(event["data"]["decision"]["inline"])
        decision["at_us"] += self._shift_us
        jobs = decision["groups"][0]["jobs"]
        jobs["accepted_us"] = [it + self._shift_us for it in jobs["accepted_us"]]
        jobs["sequence"] = [self._first + _EVENTS.index("accepted")]
        content = orjson.dumps(decision, option=orjson.OPT_SORT_KEYS)
        event["data"]["snapshot"] = digest(content)
        event["data"]["decision"] |= {"digest": digest(content), "size": len(content), "inline": content.decode()}
        return orjson.dumps(event)

    @property
    def _shift_us(self) -> int:
        return round(self._shift.total_seconds() * 1_000_000)

    def _changed_in(self, name: str) -> str:
        body = self._original.bodies[name]
        for before, after in self._changed.items():
            body = body.replace(before, after)
        body = _ID.sub(lambda it: f'"id":"{event_id(it[1], self.job)}"', body, count=1)
        return _TIME.sub(lambda it: rfc3339(datetime.fromisoformat(it[0]) + self._shift), body)


def fill(root: Path, jobs: int) -> float:
    """Add finished jobs to a home whose stack is down; return the seconds that it took.

    The stack must have run a few jobs to their receipts, some of them alone; the copies take turns among these.
    """
    began = time.perf_counter()
    asyncio.run(_fill(Home(root), jobs))
    return time.perf_counter() - began


async def _fill(home: Home, jobs: int) -> None:
    async with _server(home) as client:
        originals = await _originals(client)
        users = {it.tenant: it for it in map(load, sorted(home.credentials.glob("*.toml")))}
        keys = KeyRing.load(home.provenance / "keys")
        tiles = TileLog.open(home.provenance / "log", keys.trust)
        last, checkpoint = await _last(client), ""
        turns = cycle(originals)
        for done in range(0, jobs, _TOGETHER):
            now = datetime.now(UTC)
            copies = [
                _Copy(it, users[it.submitted.data.tenant], last + 1 + at * (len(_EVENTS) - 1), now)
                for at, it in enumerate(islice(turns, min(_TOGETHER, jobs - done)))
            ]
            first = tiles.append(it.entry for it in copies)
            checkpoint = sign_checkpoint(tiles.head(keys.origin), keys, now)
            head = LogCheckpointed(
                source="qb/provenance",
                time=now,
                data=Checkpoint(log="main", tree_size=tiles.size, checkpoint=checkpoint),
            )
            written = [message for it in copies for message in it.messages()]
            written += [it.seal(index, tiles.size) for index, it in enumerate(copies, start=first)]
            written.append((proof("main").event("checkpointed"), head.to_bytes()))
            last = await _write(client, written, last)
        tiles.write(checkpoint)
        await _settle(client, last)


@asynccontextmanager
async def _server(home: Home) -> AsyncIterator[Client]:
    """The store of a home, open for writing; ends cleanly, so that the next server need not read it all."""
    password, port = secrets.token_hex(16), free_port()
    config = home.nats_config.read_text()
    config = re.sub(r"^port: .*$", f"port: {port}", config, flags=re.MULTILINE)
    config = re.sub(r"^pid_file: .*$", "", config, flags=re.MULTILINE)
    config = config.replace("sync_interval: always", "sync_interval: 2m")
    config = config.replace(" users: [", f' users: [ {{ user: {_WRITER}, password: "{password}" }}', 1)
    config = config.replace("auth_users: [", f"auth_users: [{_WRITER}, ", 1)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(config)
        file.flush()
        environment = {**os.environ, STORE_KEY: bus_store_key(home)}
        process = subprocess.Popen([server_binary(), "-c", file.name], env=environment, stderr=subprocess.DEVNULL)
        try:
            client = await nats.connect(
                f"nats://127.0.0.1:{port}",
                user=_WRITER,
                password=password,
                error_cb=_ignore,
                max_reconnect_attempts=300,
                reconnect_time_wait=0.2,
            )
            yield client
            await client.close()
        finally:
            process.terminate()
            process.wait()


async def _ignore(error: Exception) -> None:
    """The server is still starting: the client tries again."""
    del error


async def _originals(client: Client) -> list[_Original]:
    """Jobs near the begin of the log that ran alone."""
    found: defaultdict[str, dict[str, tuple[int, bytes]]] = defaultdict(dict)
    for sequence in range(1, min(await _last(client), 2000) + 1):
        message = await client.jetstream().get_msg(LOG, sequence)
        noun, _, name, event, qualifiers = parse(str(message.subject))
        if noun == "account":
            name = qualifiers[0] if qualifiers else json.loads(message.data or b"")["data"].get("job")
        found[name][event] = sequence, bytes(message.data or b"")
    jobs = [_Original.of(it) for it in found.values() if it.keys() >= {*_EVENTS}]
    return [it for it in jobs if it.alone]


async def _last(client: Client) -> int:
    return int((await client.jetstream().stream_info(LOG)).state.last_seq)


async def _write(client: Client, messages: Sequence[_Message], last: int) -> int:
    """Append messages after `last`; return the new last sequence."""
    for subject, body in messages[:-1]:
        await client.publish(subject, body)
    subject, body = messages[-1]
    stored = (await client.jetstream(timeout=30).publish(subject, body)).seq
    if stored != last + len(messages):
        raise RuntimeError(f"the server stored {stored - last} messages of {len(messages)}")
    return stored


async def _settle(client: Client, last: int) -> None:
    """Let all consumers begin after `last`: nothing is left to do for the copies."""
    for consumer in await client.jetstream().consumers_info(LOG):
        request = json.dumps({"seq": last + 1}).encode()
        answer = json.loads(
            (await client.request(f"$JS.API.CONSUMER.RESET.{LOG}.{consumer.name}", request, timeout=5)).data
        )
        if "error" in answer:
            raise RuntimeError(f"{consumer.name}: {answer['error']}")
