"""Jobs that fail, on a real stack: an alert fires, a receiver gets it, people see it, and it is resolved."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

WIDE = """OPENQASM 3.0;
include "stdgates.inc";
qubit[17] q;
bit[400] c;
h q;
c[0:16] = measure q;
"""
"""With many shots, its counts are more than a result may have: only the run detects this."""

OBJECTIVES = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: alerted}
spec: {description: Jobs of one test.}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: alerted-success
  labels: {owner: platform}
  annotations: {queuebit.minimum: "5", queuebit.alert.now: page-10m-5m-50}
spec:
  description: jobs of one test give a usable result
  service: alerted
  indicator:
    metadata: {name: alerted-success}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: queuebit, spec: {indicator: success, where: {tenant: TENANT}}}}
        total: {metricSource: {type: queuebit, spec: {indicator: success, where: {tenant: TENANT}}}}
  timeWindow: [{duration: 1h, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""

RECEIVERS = """\
resolve_after_s = 0
group_interval_s = 0
[receiver.chat]
kind = "alertmanager-webhook"
url = "URL"
[route.alerted]
match = {objective = "alerted-success"}
receivers = ["chat"]
"""


class Chat:
    """Keeps what it receives, with the time."""

    def __init__(self) -> None:
        self.got: list[tuple[float, dict[str, Any]]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                owner.got.append((time.monotonic(), json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def received(self, status: str) -> tuple[float, dict[str, Any]]:
        """The first message with a status, and when it came."""
        end = time.monotonic() + 90
        while (found := next((it for it in self.got if it[1]["status"] == status), None)) is None:
            assert time.monotonic() < end, f"no message that is {status}; there are {self.got}"
            time.sleep(0.1)
        return found


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.server.shutdown()
    chat.server.server_close()


def apply(stack: EmbeddedStack, folder: Path, tenant: str, chat: Chat) -> None:
    """Put both documents in force; the services that read them are started again."""
    folder.mkdir()
    (folder / "slos.yaml").write_text(OBJECTIVES.replace("TENANT", tenant))
    (folder / "alerts.toml").write_text(RECEIVERS.replace("URL", chat.url))
    stack.qb("apply", "-f", str(folder))
    before = {it: stack.pid(it) for it in ("telemetry", "alerting")}
    for name in before:
        stack.kill(name)
    end = time.monotonic() + 30
    while any(stack.pid(it) in (None, pid) for it, pid in before.items()):
        assert time.monotonic() < end, "their supervisor starts both again"
        time.sleep(0.1)
    stack.until(ready=True)
    health = {it: json.loads(urlopen(f"{stack.listens(it)}/healthz").read()) for it in ("telemetry", "alerting")}
    promised = {str(it["detail"]["objectives"]) for it in health.values()}
    assert len(promised) == 1, f"both evaluate the same documents: {health}"


def of(tenant: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those about a tenant."""
    return [it for it in rows if it["labels"].get("tenant") == tenant]


def test_jobs_that_fail_are_an_alert_that_a_receiver_gets_and_that_ends(
    stack: EmbeddedStack, tenant: str, circuits: Path, chat: Chat, tmp_path: Path
) -> None:
    apply(stack, tmp_path / "documents", tenant, chat)
    wide = tmp_path / "wide.qasm"
    wide.write_text(WIDE)
    asked = ("--shots", "100000", "--backend", "aer", "--tenant", tenant)
    failed = stack.submit(*[str(wide)] * 5, *asked, accept=(0, 1, 2, 3, 4, 5))
    assert [it["state"] for it in failed] == ["failed"] * 5
    caused = time.monotonic()

    came, message = chat.received("firing")
    print(f"from the last failure to the receiver: {came - caused:.1f} s")
    (alert,) = message["alerts"]
    assert (alert["labels"]["objective"], alert["labels"]["tenant"]) == ("alerted-success", tenant)
    listed = of(tenant, stack.ask("alerts"))
    assert [(it["labels"]["severity"], it["alert"]) for it in listed] == [("page", alert["fingerprint"])]

    while not (opened := of(tenant, stack.ask("incident", "list"))):
        time.sleep(0.2)  # the test's own time limit ends this
    assert [it["state"] for it in opened] == ["open"]
    ended = stack.submit(*[str(circuits / "bell.qasm")] * 6, "--tenant", tenant)
    assert {it["state"] for it in ended} == {"completed"}
    _, over = chat.received("resolved")
    assert over["alerts"][0]["fingerprint"] == alert["fingerprint"]
    assert not of(tenant, stack.ask("alerts", "list"))
