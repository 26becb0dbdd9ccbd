"""The warehouse has the contents of the log: every event once, every job, and every hop of a trace."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from queuebit_kernel.exact import total
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

HOPS = ["broker", "scheduler", "executor-aer", "metering", "provenance"]
"""Services with a span in the trace of a job, in their order. The client opens none: a trace begins at admission."""


async def test_every_event_of_the_log_is_there_once(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)
    operator = await stack.connect("operator")
    state = json.loads((await operator.request("$JS.API.STREAM.INFO.LOG")).data)["state"]
    await operator.close()
    stack.ask("charges", "--tenant", tenant)  # answered once the warehouse has the log up to now
    query = f"SELECT count() AS n, uniqExact(seq) AS u FROM events WHERE seq <= {state['last_seq']}"
    (found,) = stack.ask("sql", query)
    assert int(found["n"]) == int(found["u"]) == state["messages"]


def test_the_row_of_a_job_is_the_job(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    good, bad = str(circuits / "w3.qasm"), "--shots=1000000"
    for (output,) in (
        stack.submit(good, "--tenant", tenant),
        stack.submit(good, bad, "--tenant", tenant, accept=(3,)),
    ):
        shown = stack.ask("job", "show", output["job"], "--tenant", tenant)
        row = next(it for it in stack.ask("jobs", "--tenant", tenant) if it["job"] == output["job"])
        for field in ("state", "project", "shots", "label"):
            assert row[field] == shown[field], field
        assert (row["backend"] or None) == shown["backend"]
        assert Decimal(row["charge"]) == Decimal(shown["charge"]["amount"])
        assert bool(row["sealed"]) is shown["sealed"] is True
        assert sorted(row["reasons"]) == sorted(it["code"] for it in shown["reasons"])
        seen = {it["event"]: it["at"] for it in shown["steps"]}
        for event in ("submitted", "accepted", "placed", "started"):
            assert (row[f"{event}_at"] or None) == seen.get(event)
        assert row["ended_at"] == seen[shown["state"]]


def test_one_trace_connects_every_hop(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    (output,) = stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant, "--backend", "aer")
    stack.ask("charges", "--tenant", tenant)
    events = f"SELECT traceparent FROM events WHERE job = '{output['job']}' AND traceparent != ''"
    (trace,) = {it["traceparent"].split("-")[1] for it in stack.ask("sql", events)}
    query = (
        "SELECT ServiceName, SpanId, ParentSpanId, SpanAttributes['queuebit.tenant'] AS tenant, "
        f"SpanAttributes['queuebit.job'] AS job FROM otel_traces WHERE TraceId = '{trace}' ORDER BY Timestamp"
    )
    by_service: dict[str, dict[str, str]] = {}
    while by_service.keys() != set(HOPS):  # spans travel once a second; the test's own time limit ends this
        by_service = {it["ServiceName"]: it for it in stack.ask("sql", query)}
    assert {(it["tenant"], it["job"]) for it in by_service.values()} == {(tenant, output["job"])}
    assert by_service["broker"]["ParentSpanId"] == ""
    for parent, child in pairwise(HOPS):
        assert by_service[child]["ParentSpanId"] == by_service[parent]["SpanId"]


def test_service_levels_are_shares_of_all_cases(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)
    stack.submit(str(circuits / "bell.qasm"), "--shots", "1000000", "--tenant", tenant, accept=(3,))
    levels = {row["name"]: row for row in stack.ask("slo", "--tenant", tenant)}
    assert levels.keys() >= {"job-success", "success-production", "queue-wait-p95", "end-to-end-p95"}
    assert (levels["job-success"]["good"], levels["job-success"]["total"]) == (1, 1), "a refusal is no failure"
    for level in levels.values():
        assert 0 < Decimal(level["target"]) < 1
        assert level["actual"] is None or 0 <= Decimal(level["actual"]) <= 1
        assert level["good"] <= level["total"]
    assert levels["success-production"]["total"] == 0, "the job has no class"
    assert levels["queue-wait-p95"]["value"] <= levels["end-to-end-p95"]["value"]
    budget = stack.ask("slo", "budget", "job-success", "--tenant", tenant)
    assert [(it["cases"], it["bad"], it["remaining"]) for it in budget] == [(1, 0, "1.000000")]
    alerts = stack.ask("slo", "explain", "job-success", "--tenant", tenant)["alerts"]
    assert {it["state"] for it in alerts} == {"unmeasurable"}, "one job is too few"
    assert stack.ask("slo", "gate", "--release", "--tenant", tenant)["ship"] is True


def test_sums_of_charges_are_the_charges_of_the_jobs(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    bell, where = str(circuits / "bell.qasm"), ("--tenant", tenant)
    jobs = [
        stack.submit(bell, *where, "--backend", "emulated-ibm-torino", *tags)[0]["job"]
        for tags in (("--tag", "red", "--tag", "blue", "--tag", "green"), ())
    ]
    charged = [Decimal(stack.ask("job", "show", it, *where)["charge"]["amount"]) for it in jobs]
    stack.ask("charges", *where)
    assert min(charged) > 0
    rows = stack.ask("charges", "--by", "tenant,tag", *where)
    assert {it["tag"] for it in rows} >= {"", "red", "blue", "green"}
    assert {it["tenant"] for it in rows} == {tenant}
    assert total(Decimal(it["amount"]) for it in rows) == sum(charged)
    query = f"SELECT consumed FROM usage WHERE id = '{jobs[0]}' AND metric = 'qubit-time'"
    (used,) = stack.ask("sql", query)
    (time,) = stack.ask("sql", query.replace("qubit-time", "qpu-time"))
    assert Decimal(used["consumed"]) == 2 * Decimal(time["consumed"]) > 0


def test_a_finance_login_reads_its_tenant_until_it_is_removed(
    stack: EmbeddedStack, tenant: str, circuits: Path
) -> None:
    stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant)
    stack.ask("charges", "--tenant", tenant)
    name = f"f-{tenant}"
    login = stack.ask("tenant", "finance", "add", name, "--tenants", tenant)

    def read(query: str) -> str:
        headers = {"X-ClickHouse-User": login["user"], "X-ClickHouse-Key": login["password"]}
        with urlopen(Request(login["url"], query.encode(), headers), timeout=20) as answer:
            return str(answer.read().decode())

    assert read("SELECT DISTINCT tenant FROM charges") == f"{tenant}\n"
    stack.ask("tenant", "finance", "remove", name)
    with pytest.raises(HTTPError) as refused:
        read("SELECT 1")
    assert refused.value.headers["X-ClickHouse-Exception-Code"] == "516"
    refused.value.close()


def test_a_report_of_a_tenant_has_its_charges_and_no_others(
    stack: EmbeddedStack, tenant: str, circuits: Path, tmp_path: Path
) -> None:
    (output,) = stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant, "--backend", "emulated-ibm-torino")
    charged = stack.ask("job", "show", output["job"], "--tenant", tenant)["charge"]["amount"]
    stack.ask("charges", "--tenant", tenant)
    file = tmp_path / "report.csv"
    written = stack.ask("report", "week", "--tenant", tenant, "--format", "csv", "--output", str(file))
    assert written["bytes"] == file.stat().st_size
    rows = list(csv.DictReader(file.open(newline="")))
    found = {(it["section"], it["column"]): it["value"] for it in rows}
    assert Decimal(found["By team", "amount"]) == Decimal(charged) > 0
    assert {it["tenant"] for it in rows} == {tenant}
    assert {it["value"].partition("/")[0] for it in rows if it["column"] == "team"} == {tenant}
