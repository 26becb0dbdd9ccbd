"""The scheduler as a process, on a real server with its real permissions."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from queuebit_contracts.backend import BackendInterrupted
from queuebit_contracts.query import Answer
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.topology import DECISIONS
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_scheduling import decode
from queuebit_testing.server import NatsServer

from .conftest import World, with_fallback
from .scheduler_process import health, placed, say, start

pytestmark = pytest.mark.server


async def test_it_places_answers_and_goes_on_after_a_crash(tmp_path: Path, world_of: type[World]) -> None:
    server = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),))
    async with server.running(), asyncio.timeout(100):
        await say(server, "executor-aer", world_of.registered("aer"))
        await say(server, "broker", *(world_of.accepted(f"j{n}") for n in range(3)))
        process, port = await start(server)
        operator = Bus("operator", server.url, server.seeds["operator"])
        await operator.connect()
        log = JetStreamLog(operator)
        assert (await placed(log, "j0")).data.policy == "fair-share/9"
        await placed(log, "j1")
        assert '"waiting": 1, "outstanding": 2' in await health(port)

        ann = await server.connect("acme/ann")
        reply = await ann.request("qb.query.acme.waiting", b"{}", timeout=10)
        reasons = {row["job"]: row["reason"] for row in Answer.model_validate_json(reply.data).rows}
        assert [*reasons] == ["j2", "j0", "j1"]
        assert re.findall(r"\b(?:\d+|aer)\b", str(reasons["j2"])) == ["2", "aer"]
        refused = Answer.model_validate_json((await ann.request("qb.query.acme.waiting", b"[", timeout=10)).data)
        assert refused.error is not None
        assert refused.error.code == "malformed"
        explained = await ann.request("qb.query.acme.explain", b'{"job": "j0"}', timeout=10)
        [row] = Answer.model_validate_json(explained.data).rows
        assert (row["backend"], row["rule"]) == ("aer", "only")
        await ann.close()

        process.kill()
        await process.wait()
        await say(server, "executor-aer", world_of.started("j0"), world_of.completed("j0"))
        process, port = await start(server)
        assert subject_of(await placed(log, "j2")) == "qb.job.acme.j2.placed.aer"
        assert '"waiting": 0, "outstanding": 2' in await health(port)
        process.terminate()
        assert await process.wait() == 0
        await operator.close()


async def test_a_decision_about_several_tenants_lies_where_only_the_operator_reads_it(
    tmp_path: Path, world_of: type[World]
) -> None:
    server = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),))
    async with server.running(), asyncio.timeout(100):
        both = world_of.accepted("j0"), world_of.accepted("secret", "rival")
        await say(server, "broker", *both)
        await say(server, "executor-aer", world_of.registered("aer"))
        process, port = await start(server)
        await health(port)
        operator = Bus("operator", server.url, server.seeds["operator"])
        await operator.connect()
        decision = (await placed(JetStreamLog(operator), "j0")).data.decision
        assert decision is not None
        assert decision.inline is None
        content = await KeyValuePayloads(operator).get(DECISIONS, decision)
        assert {it.name for it in decode(content).tenants} == {"acme", "rival"}
        ann = await server.connect("acme/ann")
        reply = await ann.request("qb.query.acme.explain", b'{"job": "j0"}', timeout=10)
        assert b"completion_us" in reply.data
        assert b"rival" not in reply.data
        assert b"secret" not in reply.data
        await ann.close()
        process.terminate()
        assert await process.wait() == 0
        await operator.close()


async def test_two_side_by_side_place_every_job_once(tmp_path: Path, world_of: type[World]) -> None:
    """One of them leads, and the view of the other shows the same."""
    server, jobs = NatsServer(tmp_path), 60
    async with server.running(), asyncio.timeout(100):
        await say(server, "executor-aer", world_of.registered("aer"))
        await say(server, "executor-cirq", world_of.registered("cirq"))
        both = [await start(server, places=jobs) for _ in range(2)]
        for _, port in both:
            await health(port)
        operator = await server.connect("operator")
        await say(server, "broker", *(world_of.accepted(f"j{n}", backends=("aer", "cirq")) for n in range(jobs)))
        for _, port in both:
            while f'"waiting": 0, "outstanding": {jobs}' not in await health(port):
                await asyncio.sleep(0.02)
        wanted = json.dumps({"subjects_filter": "qb.job.acme.*.placed.*"}).encode()
        stored = json.loads((await operator.request("$JS.API.STREAM.INFO.LOG", wanted)).data)["state"]["subjects"]
        assert {*stored.values()} == {1}
        assert sorted(it.split(".")[3] for it in stored) == sorted(f"j{n}" for n in range(jobs))
        for process, _ in both:
            process.terminate()
            assert await process.wait() == 0
        await operator.close()


async def test_a_job_is_placed_elsewhere_when_its_backend_answers_no_longer(
    tmp_path: Path, world_of: type[World]
) -> None:
    server = NatsServer(tmp_path)
    async with server.running(), asyncio.timeout(100):
        here = {name: await server.connect(f"executor-{name}") for name in ("aer", "cirq")}
        for name, client in here.items():
            await say(server, f"executor-{name}", world_of.registered(name))
            await client.subscribe(f"qb.alive.{name}", cb=_answer)
            await client.flush()
        process, port = await start(server, silence_s=2)
        await health(port)
        operator = Bus("operator", server.url, server.seeds["operator"])
        await operator.connect()
        log = JetStreamLog(operator)
        await say(server, "broker", world_of.accepted("j0", backends=("aer", "cirq")))
        first = await placed(log, "j0", "aer")
        await here["aer"].close()
        second = await placed(log, "j0", "cirq")
        assert second.time > first.time
        process.terminate()
        assert await process.wait() == 0
        await here["cirq"].close()
        await operator.close()


async def _answer(message: Msg) -> None:
    await message.respond(b"{}")


async def test_a_job_falls_back_while_its_backend_is_out_of_service_and_the_next_one_returns(
    tmp_path: Path, world_of: type[World]
) -> None:
    server = NatsServer(tmp_path)
    async with server.running(), asyncio.timeout(100):
        here = {name: await server.connect(f"executor-{name}") for name in ("aer", "cirq")}
        for name, client in here.items():
            await say(server, f"executor-{name}", world_of.registered(name))
            await client.subscribe(f"qb.alive.{name}", cb=_answer)
            await client.flush()
        process, port = await start(server, silence_s=2)
        await health(port)
        operator = Bus("operator", server.url, server.seeds["operator"])
        await operator.connect()
        log = JetStreamLog(operator)
        await here["aer"].close()
        await say(server, "broker", with_fallback(world_of.accepted("j0", backends=("aer",)), "cirq"))
        stand_in = await placed(log, "j0", "cirq")
        assert stand_in.data.fallback is not None
        assert stand_in.data.fallback.instead_of == ("aer",)
        interrupted = await log.last("qb.backend.aer.interrupted")
        assert interrupted is not None
        assert isinstance(interrupted.event, BackendInterrupted)
        assert interrupted.event.data.since == stand_in.data.fallback.since
        back = await server.connect("executor-aer")
        await back.subscribe("qb.alive.aer", cb=_answer)
        await back.flush()
        while await log.last("qb.backend.aer.restored") is None:
            await asyncio.sleep(0.05)
        await say(server, "broker", with_fallback(world_of.accepted("j1", backends=("aer",)), "cirq"))
        assert (await placed(log, "j1", "aer")).data.fallback is None
        process.terminate()
        assert await process.wait() == 0
        for client in (back, here["cirq"]):
            await client.close()
        await operator.close()
