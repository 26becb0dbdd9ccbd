"""The server in memory answers as a real nats-server does, on the same random operations."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from queuebit_contracts.topology import LOG
from queuebit_runtime.connection import Client, Connected
from queuebit_runtime.delivery import origin_of
from queuebit_runtime.harden import connect, listen
from queuebit_runtime.provision import provision
from queuebit_runtime.received import Received
from queuebit_runtime.requests import Requests
from queuebit_runtime.server_config import server_binary
from queuebit_simulation.loop import Node, VirtualLoop
from queuebit_simulation.network import Network
from queuebit_simulation.server import MemoryServer
from queuebit_simulation.services import declared
from queuebit_testing.server import free_port

_DURABLE = "broker-submitted"
_CONFLICTS = (10071, 10164)
_FIRST = 9
"""Messages before all others; no read "up to" a sequence names one that does not exist yet."""


class _Operation(NamedTuple):
    name: str
    arguments: dict[str, Any]


def _operations(random: Random, count: int) -> list[_Operation]:
    """What is done: writes with and without guards, batches, reads, and pulls of a durable."""
    names = ("write", "write", "write", "batch", "last", "next", "at", "newest", "pull", "bucket")
    first = [_Operation("write", {"subject": _subject(random), "headers": {}, "body": str(n)}) for n in range(_FIRST)]
    return first + [_Operation(name, _arguments(name, random)) for name in random.choices(names, k=count)]


def _arguments(name: str, random: Random) -> dict[str, Any]:
    pattern = random.choice((_subject(random), f"qb.job.t.j{random.randrange(3)}.>", "qb.job.*.*.submitted"))
    match name:
        case "write":
            return _message(random, random.choice((None, None, "a", "b", "c")))
        case "batch":
            return {"messages": [_message(random, None) for _ in range(random.randrange(1, 4))]}
        case "last" | "newest":
            return {"pattern": pattern, "until": random.randint(1, _FIRST)}
        case "next":
            return {"pattern": pattern, "sequence": random.randrange(1, 20)}
        case "at":
            return {"sequence": random.randrange(1, 30)}
        case "pull":
            return {"batch": random.randrange(1, 4), "answers": [random.choice(("+ACK", "-NAK", "")) for _ in range(4)]}
        case _:
            return {"key": random.choice("xy"), "after": random.randrange(4)}


def _subject(random: Random) -> str:
    return f"qb.job.t.j{random.randrange(3)}.{random.choice(('submitted', 'accepted'))}"


def _message(random: Random, identity: str | None) -> dict[str, Any]:
    headers = {} if identity is None else {"Nats-Msg-Id": identity}
    subject = _subject(random)
    if random.random() < 0.6:
        headers["Nats-Expected-Last-Subject-Sequence"] = str(random.randrange(12) if random.random() < 0.5 else 0)
        if random.random() < 0.5:
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = f"{subject.rpartition('.')[0]}.>"
    return {"subject": subject, "headers": headers, "body": str(random.random())}


async def _perform(client: Client, operations: Sequence[_Operation]) -> list[object]:
    requests = Requests(Connected(client), 5)
    return [await _one(client, requests, it, number) for number, it in enumerate(operations)]


async def _one(client: Client, requests: Requests, it: _Operation, number: int) -> object:
    given, get = it.arguments, f"$JS.API.STREAM.MSG.GET.{LOG}"
    match it.name:
        case "write":
            return _answer(await requests.ask(given["subject"], given["body"].encode(), given["headers"]))
        case "batch":
            return await _batch(requests, given["messages"], f"batch {number}")
        case "last":
            return _answer(await requests.ask(get, json.dumps({"last_by_subj": given["pattern"]}).encode()))
        case "next":
            wanted = {"seq": given["sequence"], "next_by_subj": given["pattern"]}
            return _answer(await requests.ask(get, json.dumps(wanted).encode()))
        case "at":
            return _answer(await requests.ask(get, json.dumps({"seq": given["sequence"]}).encode()))
        case "newest":
            wanted = {"multi_last": [given["pattern"]], "batch": 1024, "up_to_seq": given["until"]}
            found = await requests.ask_all(f"$JS.API.DIRECT.GET.{LOG}", json.dumps(wanted).encode())
            return [((message.headers or {})["Nats-Sequence"], message.data) for message in found]
        case "bucket":
            headers = {"Nats-Expected-Last-Subject-Sequence": str(given["after"])}
            return _answer(await requests.ask(f"$KV.SCHEDULING.{given['key']}", b"value", headers))
        case _:
            return await _pull(client, requests, given)


async def _batch(requests: Requests, messages: Sequence[dict[str, Any]], name: str) -> object:
    answers = []
    for number, it in enumerate(messages, start=1):
        headers = {**it["headers"], "Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
        if number == len(messages):
            headers["Nats-Batch-Commit"] = "1"
        answers.append(_answer(await requests.ask(it["subject"], it["body"].encode(), headers)))
    return answers


async def _pull(client: Client, requests: Requests, given: dict[str, Any]) -> object:
    ended = asyncio.get_running_loop().create_future()
    came: list[Received] = []

    def take(message: Received) -> None:
        if message.status is None:
            came.append(message)
        if (message.status is not None or len(came) == given["batch"]) and not ended.done():
            ended.set_result(None)

    inbox = client.new_inbox()
    subscription = await listen(client, inbox, take)
    request = json.dumps({"batch": given["batch"], "no_wait": True}).encode()
    await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{LOG}.{_DURABLE}", request, reply=inbox)
    await asyncio.wait_for(ended, 5)
    await subscription.unsubscribe()
    for message, answer in zip(came, given["answers"], strict=False):
        if answer:
            await requests.ask(message.reply, answer.encode())
    return sorted((origin_of(it).sequence, origin_of(it).number, it.subject, it.data) for it in came)


def _answer(reply: Received) -> object:
    if not reply.data:
        return ()
    answer: dict[str, Any] = json.loads(reply.data)  # the server's form
    if (error := answer.get("error")) is not None:
        return "conflict" if error["err_code"] in _CONFLICTS else error["err_code"]
    if (message := answer.get("message")) is not None:
        return message["seq"], message["subject"], message["data"]
    return answer["seq"], answer.get("duplicate", False)


def _in_memory(operations: Sequence[_Operation]) -> list[object]:
    loop = VirtualLoop(Random(1))  # type: ignore[abstract]  # it has what asyncio uses
    network = Network(loop, MemoryServer(declared(), loop), Node("server"), Random(1))

    async def perform() -> list[object]:
        return await _perform(network.connect("_INBOX.test"), operations)  # type: ignore[arg-type]  # in memory

    return loop.run(Node("client"), perform())


@pytest.mark.server
async def test_memory_answers_as_a_server_does(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{tmp_path}/store", max_file_store: 1TB }}\n'
    )
    with subprocess.Popen([server_binary(), "-c", str(config)], stderr=subprocess.DEVNULL) as process:
        try:
            client = await connect(f"nats://127.0.0.1:{port}", max_reconnect_attempts=100, reconnect_time_wait=0.05)
            for seed in range(8):
                for stream in ("LOG", "KV_SCHEDULING") if seed else ():
                    await client.jetstream().delete_stream(stream)
                await provision(client, declared())
                operations = _operations(Random(seed), 80)
                real, memory = await _perform(client, operations), await asyncio.to_thread(_in_memory, operations)
                for number, (operation, theirs, ours) in enumerate(zip(operations, real, memory, strict=True)):
                    assert ours == theirs, f"operation {number} of seed {seed}: {operation}"
            await client.close()
        finally:
            process.terminate()
