"""Every process of a stack shows its metrics, and Prometheus's own parser and checker accept them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack

WITHOUT = {"nats-server"}
"""It has exporters of its own."""


def scrape(stack: EmbeddedStack) -> dict[str, str]:
    """The text of each process, at the addresses that the stack gives to Prometheus."""
    stack.until(ready=True)
    groups = json.loads((stack.home / "prometheus.json").read_text())
    found = {group["labels"]["process"]: group["targets"][0] for group in groups}
    return {name: urlopen(f"http://{at}/metrics", timeout=30).read().decode() for name, at in found.items()}


def test_every_process_shows_what_it_did_without_names_of_tenants_or_jobs(
    stack: EmbeddedStack, tenant: str, circuits: Path
) -> None:
    (job,) = stack.submit(str(circuits / "bell.qasm"), "--shots", "10", "--tenant", tenant)
    texts = scrape(stack)
    assert set(texts) == set(stack.names()) - WITHOUT
    samples: dict[str, dict[str, list[tuple[dict[str, str], float]]]] = {}
    for name, text in texts.items():
        assert tenant not in text
        assert job["job"] not in text
        found = samples.setdefault(name, {})
        for family in text_string_to_metric_families(text):
            for it in family.samples:
                assert it.labels.pop("service") == name
                found.setdefault(it.name, []).append((it.labels, it.value))
        assert found["queuebit_ready"] == [({}, 1.0)]
        assert found["process_resident_memory_bytes"][0][1] > 1_000_000
    handled = [it["durable"] for it, _ in samples["broker"]["queuebit_messages_total"] if it["outcome"] == "handled"]
    assert "broker-submitted" in handled
    appended = {it["type"] for found in samples.values() for it, _ in found.get("queuebit_events_appended_total", [])}
    assert {"qb.job.placed.v1", "qb.job.completed.v1", "qb.job.metered.v1"} <= appended
    assert samples["scheduler"]["queuebit_backend_slots"]
    assert samples["telemetry"]["queuebit_log_sequence"][0][1] > 0
    assert any(it["status"] == "200" for it, _ in samples["warehouse"]["queuebit_http_requests_total"])


def test_promtool_accepts_every_process(stack: EmbeddedStack) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed: it is part of Debian's package prometheus")
    for name, text in scrape(stack).items():
        checked = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (name, checked.stderr) == (name, "")


def test_lines_of_the_logs_reach_the_warehouse(stack: EmbeddedStack) -> None:
    query = "SELECT ServiceName, any(SeverityText) AS level FROM otel_logs WHERE Body LIKE '% is ready%' GROUP BY ALL"
    end = time.monotonic() + 60
    while True:
        rows = stack.ask("sql", query)
        if {"broker", "scheduler"} <= {it["ServiceName"] for it in rows}:
            break
        assert time.monotonic() < end, f"spans and lines are inserted every few seconds, and this is there: {rows}"
        time.sleep(0.5)
    assert {it["level"] for it in rows} == {"INFO"}
