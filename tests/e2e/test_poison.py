"""A malformed message stops no service: it is stored with the reason, and can be listed, replayed or dropped."""

from __future__ import annotations

import asyncio
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from queuebit import AsyncClient, StillRunning
from queuebit.credentials import find
from queuebit_contracts.subjects import covers
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.server import declared
from queuebit_testing.stopped import stopped

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def _read_by_a_handler(subject: str) -> bool:
    """Whether a consumer or a view decodes what is published there; the view of telemetry keeps everything as it is."""
    read = [pattern for it in declared().durable.values() for pattern in it.filters]
    read += [pattern for name in ("broker", "scheduler") for pattern in declared().service[name].view]
    return any(covers(pattern, subject) for pattern in read)


def _letters(second: EmbeddedStack) -> list[dict[str, Any]]:
    return list(second.ask("doctor", accept=(0, 1))["dead_letters"])


def _letters_about(second: EmbeddedStack, subject: str) -> list[dict[str, Any]]:
    return [it for it in _letters(second) if it["subject"] == subject]


def test_malformed_messages_on_every_subject_stop_no_service(
    second: EmbeddedStack, poisoned: set[str], circuits: Path
) -> None:
    for backend in ("aer", "cirq", "emulated-ibm-manila"):
        (output,) = second.submit(str(circuits / "bell.qasm"), "--backend", backend)
        assert (output["state"], output["receipt"]["verified"]) == ("completed", True)
    while any(it["behind"] for it in second.until(ready=True)):
        time.sleep(0.2)  # the test's own time limit ends this
    letters = _letters(second)
    executors = ("executor-aer", "executor-cirq", "executor-ibm")
    views = {f"{name}-view" for name in ("broker", "scheduler", "gateway", "hybrid", "alerting", "fleet", *executors)}
    owners, ours = {it["owner"] for it in letters}, views | declared().durable.keys()
    assert owners >= ours
    plugins = owners - ours  # other tests install and remove them, and they read the same log
    assert all(re.fullmatch(r"executor-\w+-view", it) for it in plugins), plugins
    assert all(it["reason"] and it["fault"] and it["sequence"] for it in letters)
    assert {it["subject"] for it in letters} >= {*filter(_read_by_a_handler, poisoned)}
    second.until(ready=True)

    spans = next(it for it in letters if it["owner"] == "telemetry-spans")
    (verdict,) = second.ask("doctor", "--replay", str(spans["id"]), accept=(1,))
    assert (verdict["settled"], verdict["result"].split(":")[0]) == (False, spans["fault"]), "it is still nonsense"
    viewed = next(it for it in letters if it["owner"] in views)
    (verdict,) = second.ask("doctor", "--replay", str(viewed["id"]), accept=(1,))
    assert "--drop" in verdict["result"]
    assert {it["id"] for it in letters} <= {it["id"] for it in _letters(second)}
    assert all(it["settled"] for it in second.ask("doctor", "--drop", "all"))
    assert _letters(second) == []
    assert second.run("doctor", "--replay", "1").returncode == 3


def test_a_letter_is_settled_once_its_cause_is_gone(second: EmbeddedStack) -> None:
    """A member may not stop another's job; made an admin, the very same request is replayed and counts."""
    second.qb("tenant", "add", "team", "--budget", "100")
    second.qb("tenant", "user", "add", "team", "bob", "--role", "submitter")
    executor = second.pid("executor-cirq")
    assert executor is not None
    with stopped(executor):
        job = asyncio.run(_ask_to_stop_what_is_anothers(second))
        while not (letters := _letters_about(second, f"qb.command.team.{job}.cancel")):
            time.sleep(0.1)  # the test's own time limit ends this
        (letter,) = letters
        assert (letter["owner"], letter["fault"]) == ("broker-commands", "forbidden")
        second.qb("tenant", "user", "role", "team", "bob", "admin")
        while not second.ask("doctor", "--replay", str(letter["id"]), accept=(0, 1))[0]["settled"]:
            assert second.ask("job", "show", job, "--tenant", "team", "--user", "me")["state"] != "cancelled"
        assert second.ask("job", "show", job, "--tenant", "team", "--user", "me")["state"] == "cancelled"
    assert _letters_about(second, letter["subject"]) == []


async def _ask_to_stop_what_is_anothers(second: EmbeddedStack) -> str:
    async with AsyncClient(find(second.home, "team", "me")) as me, AsyncClient(find(second.home, "team", "bob")) as bob:
        job = await me.submit(BELL, backend="cirq")
        with pytest.raises(StillRunning, match="an admin any"):
            await bob.job(job.id).cancel("not mine", timeout=1)
        return job.id


@pytest.mark.parametrize("moment", ["submitted", "started", "completed"])
def test_malformed_messages_about_the_own_job_prevent_neither_run_nor_charge(
    second: EmbeddedStack, moment: str
) -> None:
    async def overwrite() -> str:
        writer = await second.connect("broker")
        async with AsyncClient(find(second.home, "demo")) as client:
            job = await client.submit(BELL, shots=100, backend="aer")
            await job.until((moment,), 30)
            await writer.publish(f"qb.job.demo.{job.id}.submitted", b"nonsense")
            await writer.close()
            await job.until(("sealed",), 30)
            return job.id

    job = asyncio.run(overwrite())
    row = next(it for it in second.ask("jobs") if it["job"] == job)
    assert (row["state"], bool(row["sealed"]), Decimal(row["charge"]) > 0) == ("completed", True, True)
    shown = second.run("job", "show", job)
    assert (shown.returncode, "another writer replaced it" in shown.stderr) == (2, True)
    broken = {it["invariant"] for it in second.ask("verify", accept=(0, 1)) if not it["holds"]}
    assert broken <= {"I3"}, "only the nonsense itself is found"
