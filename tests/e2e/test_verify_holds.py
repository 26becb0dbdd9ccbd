"""`qb verify` after serious faults: a bus without its durables, a member who writes everything that it may, and a
warehouse that was rebuilt.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from queuebit import Client, Unreachable
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

STATUSES = ("100", "204", "404", "408", "409", "503")
SHAPELESS = (b"NATS/1.0\r\nX: \xff\r\n\r\n", b"NATS/1.0 503 no\r\n\r\n", b"NATS/1.0 a\xff\r\n\r\n", b"NATS/1.0", b"??")
LONG = b"NATS/1.0\r\nX: " + b"x" * 60_000 + b"\r\n\r\n"
NO_NAMES = (b"\xff", b"a\x0cb", b"a\x00b", b"\xc2\x85", b"b" * 3000)
BY_GATES = """
[[price]]
id = "by-gates"
backend = "emulated-ibm-manila"
valid_from = 2026-01-01T00:00:00Z
source = "a test"
as_of = 2026-01-01
confidence = "low"
per_gate_2q = "0.002"
per_measurement = "0.001"
minimum = { amount = "5", rule = "base" }
credits = { unit = "HQC", price = "0.01" }
"""
SPOT = BY_GATES.replace('"by-gates"', '"by-gates-spot"\nspot = true')
ROWS = """
SELECT seq, event_id, type, subject, tenant, job, toString(charge) AS charge, cityHash64(data) AS hash
FROM events ORDER BY seq
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A stack of this module alone."""
    with EmbeddedStack(tmp_path_factory.mktemp("own") / "home") as running:
        yield running


def test_durables_that_the_bus_lost_are_created_again(own: EmbeddedStack, circuits: Path) -> None:
    before = _restart_without_durables(own)
    own.until(ready=True)
    after = own.submit(str(circuits / "bell.qasm"), timeout=90)
    assert {it["state"] for it in after} == {"completed"}
    assert all(it["holds"] for it in _verdicts(own).values())
    assert {it.name for it in _durables(own)} >= before


def test_sessions_that_close_while_broker_and_metering_are_killed_close_once(own: EmbeddedStack) -> None:
    """With a price for idle time: each end is one batch, and each charge follows it."""
    book = own.home / "pricebook.toml"
    text = book.read_text()
    assert 'per_task = "0.001"' in text
    book.write_text(text.replace('per_task = "0.001"', 'per_task = "0.001"\nper_session_idle_second = "0.001"', 1))
    for name in ("broker", "metering"):
        own.kill(name)
    own.until(ready=True)
    with Client(find(own.home, "demo")) as client:
        before = _left(client)
        sessions = [client.session(backend="aer", max_cost="0.10", max_idle=5 if it < 3 else 1) for it in range(6)]
        assert {str(it.open().idle_price) for it in sessions} == {"0.001 USD"}
        jobs = [it.submit(BELL) for it in sessions[:3]]
        for name in ("metering", "broker"):
            own.kill(name)
            for session in sessions[:3]:  # the others close when they are idle
                with suppress(Unreachable):  # the next round asks again, or it closes when it is idle
                    session.close()
            own.until(ready=True)
        for job in jobs:
            job.charge(60)
        while any(it["state"] == "open" or it["held"] != "0.00" for it in client.sessions()):
            time.sleep(0.1)  # the test's own time limit ends this
        rows = [{name: str(it[name]) for name in ("state", "charged", "idle_cost")} for it in client.sessions()]
        assert [it["state"] for it in rows] == ["closed"] * len(sessions)
        assert max(Decimal(it["charged"]) for it in rows) <= Decimal("0.10")
        assert sum(it["idle_cost"] != "None" for it in rows) >= 3
        assert _left(client) == before - sum(Decimal(it["charged"]) for it in rows)
        (spent,) = (Decimal(str(it["spent"])) for it in client.balances() if it["kind"] == "account")
        (charges,) = client.charges()
        exported = b"".join(client.export_charges("jsonl")).splitlines()
        assert Decimal(str(charges["amount"])) == sum(Decimal(json.loads(it)["amount"]) for it in exported) == spent
    assert all(it["holds"] for it in _verdicts(own).values())


def test_a_job_that_is_charged_by_the_gate_and_in_credits_is_verified(own: EmbeddedStack) -> None:
    """The bell state has one gate on two qubits, and prepares and measures two: 5 + 100 x (0.002 + 4 x 0.001) HQC."""
    book = own.home / "pricebook.toml"
    book.write_text(book.read_text() + BY_GATES + SPOT)
    for name in ("broker", "metering"):
        own.kill(name)
    own.until(ready=True)
    with Client(find(own.home, "demo")) as client:
        job = client.submit(BELL, shots=100, backend="emulated-ibm-manila", key="by gates")
        assert job.charge(60).amount == Decimal("0.056")
        exported = csv.DictReader(b"".join(client.export_charges("focus")).decode().splitlines())
        amounts = {it["SkuMeter"]: it["BilledCost"] for it in exported if it["SkuId"] == "by-gates"}
    assert amounts == {"gate_2q": "0.002", "measurement": "0.004", "base": "0.05"}
    verdicts = _verdicts(own)
    assert all(it["holds"] for it in verdicts.values()), verdicts


async def test_messages_of_members_break_no_invariant(own: EmbeddedStack, circuits: Path) -> None:
    bell = str(circuits / "bell.qasm")
    ended, other = (own.submit(bell)[0]["job"] for _ in range(2))
    operator, me = await own.connect("operator"), await own.connect("broker")  # an intake would keep it out
    claim = (await operator.request(f"$JS.API.DIRECT.GET.LOG.qb.job.demo.{other}.submitted", timeout=20)).data
    for status in STATUSES:
        await me.request(f"qb.job.demo.h{status}.submitted", b"?", timeout=20, headers={"Status": status})
    for number, head in enumerate((*SHAPELESS, LONG)):
        raw = b"HPUB qb.job.demo.f%d.submitted %d %d\r\n%b\r\n"
        await me._send_command(raw % (number, len(head), len(head), head))
    for name in NO_NAMES:
        await me._send_command(b"PUB qb.job.demo.%b.submitted 1\r\n?\r\n" % name)
    deep = claim[:-1] + b',"extra":' + b"[" * 900 + b"]" * 900 + b"}"
    for job, body in ((ended, b"nonsense"), (ended, claim), ("fresh", claim), ("JOBX", claim), ("deep", deep)):
        await me.jetstream().publish(f"qb.job.demo.{job}.submitted", body, stream="LOG")
    await operator.close()
    await me.close()
    assert own.submit(bell)[0]["state"] == "completed"
    verdicts = _verdicts(own)
    assert all(it["holds"] for it in verdicts.values()), verdicts
    assert "messages of tenants break their contract" in verdicts["I3"]["notes"][0]


def test_the_warehouse_is_rebuilt_from_the_log(own: EmbeddedStack) -> None:
    with Client(find(own.home)) as client:
        jobs = [client.submit(BELL, shots=100, backend="aer", purpose="rebuild", key=f"k{n}") for n in range(20)]
        for job in jobs:
            job.receipt(timeout=30)
    while len(before := own.ask("sql", ROWS)) <= 20 * 9:
        time.sleep(0.2)  # the test's own time limit ends this
    own.qb("warehouse", "rebuild")
    assert all(it["holds"] for it in _verdicts(own).values())
    after = own.ask("sql", ROWS)
    assert before == after[: len(before)]


def _left(client: Client) -> Decimal:
    (row,) = (it for it in client.balances() if it["kind"] == "account")
    return Decimal(str(row["left"]))


def _verdicts(stack: EmbeddedStack) -> dict[str, dict[str, Any]]:
    return {it["invariant"]: it for it in stack.ask("verify", "--wait", "60", accept=(0, 1))}


def _durables(stack: EmbeddedStack) -> list[Path]:
    return [it for it in (stack.home / "nats").rglob("LOG/obs/*") if "-view-" not in it.name]


def _restart_without_durables(stack: EmbeddedStack) -> set[str]:
    """Kill the bus, and make it forget its durables before it is started again; return their names."""
    supervisor = json.loads((stack.home / "stack.json").read_text())["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGSTOP)  # until the folders are gone
    assert stack.kill("nats-server")
    durables = _durables(stack)
    assert len(durables) > 5
    for folder in durables:
        shutil.rmtree(folder)
    os.kill(supervisor, signal.SIGCONT)
    return {it.name for it in durables}
