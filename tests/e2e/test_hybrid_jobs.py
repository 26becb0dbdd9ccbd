"""Hybrid jobs on a real stack: examples run beside the backends, behind walls, and each is billed once."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from examples.hybrid import vqe

from queuebit import Client, HybridJob, JobFailed, Money, Refused
from queuebit.credentials import find
from queuebit.errors import Conflict, NotFound
from queuebit.http_signatures import signature_headers
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="children are isolated as root on Linux only"
    ),
]

EXAMPLES = Path(__file__).parents[2] / "examples" / "hybrid"
WALLS = """
import ctypes, mmap, os, socket
from pathlib import Path
from queuebit import Client, hybrid

def refused(what):
    try:
        what()
    except Exception as error:
        return type(error).__name__
    return "allowed"

def called(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

given = hybrid.parameters(port=0, home="", folder="")
with Client() as client:
    found = {
        "internet": refused(lambda: socket.create_connection(("192.0.2.1", 80), 2)),
        "bus": refused(lambda: socket.create_connection(("127.0.0.1", given["port"]), 2)),
        "home": refused(lambda: os.listdir(given["home"])),
        "folder": refused(lambda: os.listdir(given["folder"])),
        "shared memory": refused(lambda: mmap.mmap(-1, 4096)),
        "memory in a file": refused(lambda: os.memfd_create("x")),
        "memory of the system": refused(lambda: called("shmget", 0, 4096, 0o1600)),
        "user namespaces": refused(lambda: called("unshare", 0x10000000)),
        "others": refused(lambda: os.kill(1, 9)),
        "libraries": refused(lambda: Path(os.__file__).write_text("")),
        "project": refused(lambda: client.submit("OPENQASM 3.0; qubit q;", project="other").result(20)),
    }
found["processes"] = len([it for it in os.listdir("/proc") if it.isdigit()])
hybrid.save_result(found)
"""
SPENDS = """
from queuebit import Client, Refused, hybrid
BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'

def refused(what):
    try:
        return what()
    except Refused as error:
        return error.reasons[0].code

with Client() as client:
    jobs, last = [], None
    while last is None and len(jobs) < 100:
        job = client.submit(BELL, shots=1000)
        last = refused(lambda: job.result(30) and None)
        jobs += [] if last else [job.id]
    found = {"jobs": jobs, "last": last}
    found["outside"] = refused(lambda: client.submit(BELL, session="sother").id)
    found["session"] = refused(lambda: client.session(max_cost="1").__enter__())
hybrid.save_result(found)
"""
WRITES = """
from queuebit import hybrid

print("one")
hybrid.log_metric("energy", 1.5, step=0)
print("two")
hybrid.save_result({"energy": 1})
"""
ENDLESS = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: None)
if os.fork() == 0:
    os.setsid()
print("process", os.getpid(), flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "program.py"


def account(client: Client) -> tuple[Money, Money]:
    (it,) = [row for row in client.balances() if row["kind"] == "account"]
    return Money.of(str(it["held"])), Money.of(str(it["spent"]))


def charged(client: Client) -> dict[str, Money]:
    """What the account was charged: by the sums, and by the rows of each export."""
    found = {"charges": sum((Money.of(str(it["amount"])) for it in client.charges()), Money.zero())}
    for form, column in (("csv", "amount"), ("jsonl", "amount"), ("focus", "BilledCost")):
        text = b"".join(client.export_charges(form)).decode()
        rows = map(json.loads, text.splitlines()) if form == "jsonl" else csv.DictReader(io.StringIO(text))
        found[form] = sum((Money.of(str(it[column])) for it in rows), Money.zero())
    return found


def test_examples_run_beside_the_backends(stack: EmbeddedStack, tenant: str) -> None:
    with Client(find(stack.home, tenant)) as client:
        energies = client.run_hybrid(EXAMPLES / "vqe.py", {"rounds": 1}, key="h2")
        assert client.run_hybrid(EXAMPLES / "vqe.py", {"rounds": 1}, key="h2").id == energies.id
        cut = client.run_hybrid(EXAMPLES / "qaoa.py", {"points": 3})
        assert energies.result(60)["energy"] == pytest.approx(vqe.GROUND, abs=0.05)
        assert cut.result(60) == {"cut": 5}
        assert [it.step for it in energies.metrics() if it.name == "energy"] == [0, 1]
        assert "energy" in "".join(energies.logs())
        jobs = client.jobs(tag="h2")
        assert len(jobs) >= 3
        bills = [client.job(str(it["job"])).charge(30) for it in client.jobs()]
        while account(client)[0] != Money.zero():  # a bill is a moment before its account
            time.sleep(0.1)
        held, spent = account(client)
        total = sum([*bills, energies.cost(), cut.cost()], Money.zero())
        assert (held, spent) == (Money.zero(), total)
        assert charged(client) == {"charges": total, "csv": total, "jsonl": total, "focus": total}
        rows = {it["hybrid"]: it for it in client.hybrid_jobs()}
        assert {rows[it.id]["state"] for it in (energies, cut)} == {"completed"}


def test_over_http_it_reads_and_stops_as_over_the_bus(stack: EmbeddedStack, tenant: str, file: Path) -> None:
    credential = find(stack.home, tenant)
    with Client(credential) as client, Client(credential, url=stack.listens("gateway")) as far:
        file.write_text(WRITES)
        near = client.run_hybrid(file)
        there = far.hybrid_job(near.id)
        assert "".join(there.logs()) == "one\ntwo\n"
        assert [(it.value, it.step) for it in there.metrics(follow=True)] == [(1.5, 0)]
        assert (there.result(60), there.cost()) == ({"energy": 1}, near.cost())
        assert (there.status(), [*there.metrics()]) == (near.status(), [*near.metrics()])
        file.write_text(ENDLESS)
        endless = far.hybrid_job(client.run_hybrid(file).id)
        next(endless.logs())
        assert endless.cancel("enough").state == "cancelled"
        with pytest.raises(JobFailed, match="enough"):
            endless.result(10)
        while not all("charge" in row for row in client.hybrid_jobs()):  # the list follows the log
            time.sleep(0.1)
        assert far.hybrid_jobs() == client.hybrid_jobs()
        with pytest.raises(NotFound):
            far.hybrid_job("hnone").status()
        shown = stack.ask("hybrid", "show", near.id, "--url", stack.listens("gateway"), "--tenant", tenant)
        assert shown["state"] == "completed"


def test_over_http_it_is_started_by_its_user_and_by_no_token(
    stack: EmbeddedStack, tenant: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(WRITES)
    credential, gateway = find(stack.home, tenant), stack.listens("gateway")
    with Client(credential) as near, Client(credential, url=gateway) as far:
        job = far.run_hybrid(file, key="far", max_cost="1", max_time=60)
        assert job.result(60) == {"energy": 1}
        assert {far.run_hybrid(file, key="far", max_cost="1", max_time=60).id for _ in range(2)} == {job.id}
        assert near.run_hybrid(file, key="far", max_cost="1", max_time=60).id == job.id
        with pytest.raises(Conflict):
            far.run_hybrid(file, key="far")
        names = [name for _, name in zip(range(5), events(far, f"/v1/hybrid-jobs/{job.id}/events"), strict=False)]
        assert names == [f"hybrid.{it}" for it in ("submitted", "accepted", "started", "completed", "metered")]
        monkeypatch.setenv("QUEUEBIT_TOKEN", stack.qb("token", "--tenant", tenant).strip())
        with Client(url=gateway) as bearer, pytest.raises(Refused, match="the user's own key") as refused:
            bearer.run_hybrid(file)
        assert [it.code for it in refused.value.reasons] == ["delegated"]
        monkeypatch.delenv("QUEUEBIT_TOKEN")
        path = tmp_path / "s.sock"
        words = ("sidecar", "--socket", str(path), "--key", "fn-1", "--tenant", tenant, "--user", "me")
        with subprocess.Popen(stack.argv(*words), stdout=subprocess.PIPE, text=True) as sidecar:
            assert sidecar.stdout is not None
            assert sidecar.stdout.readline().endswith(f"{path}\n")
            with Client(url=f"unix://{path}") as beside:
                started = beside.run_hybrid(file, {"a": 1}, label="beside")
                assert started.result(60) == {"energy": 1}
            sidecar.terminate()
        assert near.hybrid_job(started.id).status().label == "beside"
        while account(near)[0] != Money.zero():  # the session of the cap closes with its job
            time.sleep(0.1)


def events(client: Client, target: str) -> Iterator[str]:
    """The names of the events of a stream over HTTP."""
    url, credential = urlsplit(client.credential.url), client.credential
    headers = signature_headers(credential.seed, "GET", url.netloc, target, b"", int(time.time()))
    with closing(HTTPConnection(str(url.hostname), url.port, timeout=30)) as connection:
        connection.request("GET", target, headers=headers)
        for line in connection.getresponse():
            if line.startswith(b"event: "):
                yield line[7:-1].decode()


def test_a_child_reaches_nothing_but_its_own_tenant(stack: EmbeddedStack, tenant: str, file: Path) -> None:
    file.write_text(WALLS)
    port = int(stack.listens("nats-server").rpartition(":")[2])
    with Client(find(stack.home, tenant)) as client:
        folder = os.readlink(f"/proc/{stack.pid('hybrid')}/cwd")
        given = {"port": port, "home": str(stack.home), "folder": f"{folder}/docs"}
        found = client.run_hybrid(file, given).result(60)
    assert found.pop("processes") <= 2
    assert "allowed" not in found.values(), found
    assert found["project"] == "Refused"


def test_a_time_limit_and_a_user_end_it_with_all_its_processes(stack: EmbeddedStack, tenant: str, file: Path) -> None:
    file.write_text(ENDLESS)
    with Client(find(stack.home, tenant)) as client:
        limited, cancelled = client.run_hybrid(file, max_time=1), client.run_hybrid(file)
        next(cancelled.logs())
        assert cancelled.cancel("enough").state == "cancelled"
        with pytest.raises(JobFailed, match="time limit of 1 s"):
            limited.result(30)
        assert limited.cost() == Money.of("0.0001")
        while account(client)[0] != Money.zero():
            time.sleep(0.1)


def test_what_cannot_run_is_refused_with_a_reason(stack: EmbeddedStack, tenant: str, file: Path) -> None:
    with Client(find(stack.home, tenant)) as client:
        file.write_text('# /// script\n# dependencies = ["no-such-thing"]\n# ///\n')
        missing = client.run_hybrid(file)
        with pytest.raises(JobFailed, match="no-such-thing is not installed"):
            missing.result(30)
        assert missing.cost() == Money.zero()
        file.write_text("pass")
        with pytest.raises(Refused) as refused:
            client.run_hybrid(file, max_cost="0.0001").result(30)
        assert {it.code for it in refused.value.reasons} == {"max_cost_exceeded", "session_cap"}
        while account(client)[0] != Money.zero():  # the session of its cap closes at once
            time.sleep(0.1)
        keys = {it["ended"] for it in stack.ask("token", "list", "--tenant", tenant)}
        while keys != {"me revoked it"}:
            time.sleep(0.1)
            keys = {it["ended"] for it in stack.ask("token", "list", "--tenant", tenant)}


def test_a_cap_is_a_hold_that_nothing_overruns(stack: EmbeddedStack, tenant: str, file: Path) -> None:
    file.write_text(SPENDS)
    most = Money.of("0.03")
    with Client(find(stack.home, tenant)) as client:
        job = client.run_hybrid(file, max_cost=most, max_time=60)
        found = job.result(60)
        assert found["last"] == "session_cap"
        assert (found["outside"], found["session"]) == ("outside_session", "forbidden")
        bills = [client.job(it).charge(30) for it in found["jobs"]]
        assert Money.zero() < sum([*bills, job.cost()], Money.zero()) <= most
        while account(client)[0] != Money.zero():  # the session closes with it
            time.sleep(0.1)


def test_one_that_is_lost_with_its_service_is_reported_and_billed_or_runs_again(
    stack: EmbeddedStack, tenant: str, file: Path
) -> None:
    file.write_text(ENDLESS)
    with Client(find(stack.home, tenant)) as client:
        lost, again = client.run_hybrid(file, max_time=60), client.run_hybrid(file, max_time=60, retries=1)
        while {lost.status().state, again.status().state} != {"started"} or not next(again.logs(), ""):
            time.sleep(0.1)
        service = stack.pid("hybrid")
        below = children(service)
        assert len(below) >= 4
        while not used(stack, client, lost):
            time.sleep(0.05)
        stack.kill("hybrid")
        while any(Path(f"/proc/{it}").exists() for it in below):
            time.sleep(0.05)
        with pytest.raises(JobFailed, match="lost"):
            lost.result(60)
        assert Money.zero() < lost.cost(30) < Money.of("0.003")
        while again.status().attempt != 2:
            time.sleep(0.1)
        assert again.cancel().state == "cancelled"


def used(stack: EmbeddedStack, client: Client, job: HybridJob) -> int:
    """The microseconds that the service has noted for a hybrid job."""
    file = stack.home / "hybrid" / f"{client.credential.tenant}.{job.id}.json"
    return int(json.loads(file.read_text())["usage"]["time_us"]) if file.exists() else 0


def children(pid: int | None) -> list[int]:
    """All processes below one."""
    import psutil

    return [it.pid for it in psutil.Process(pid).children(recursive=True)]
