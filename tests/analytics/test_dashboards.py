"""The dashboards are fresh, each query of a panel runs on the warehouse, and Prometheus reads each expression.

Grafana itself is not run here: its Foundation SDK's types write the files, and the engines behind it read the queries.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.grafana.generate import FOLDER, texts

from .scenario import NOW
from .warehouse import WRITER, Warehouse

ROOT = Path(__file__).parents[2]
BOARDS: Mapping[str, Any] = {it.name: json.loads(it.read_text()) for it in sorted(FOLDER.glob("*.json"))}
VALUES = {"tenant": "'acme','beta'", "backend": "'torino','garnet'", "job": "'j0'", "trace": "''"}


def targets(kind: str) -> Iterator[tuple[str, str]]:
    """Each query with the name of its panel."""
    for name, document in BOARDS.items():
        for panel in document["panels"]:
            for number, target in enumerate(panel.get("targets", [])):
                if kind in target:
                    yield f"{name}: {panel['title']} {number}", target[kind]


SQL, PROMQL = dict(targets("rawSql")), dict(targets("expr"))


def expanded(query: str, since: datetime, until: datetime) -> str:
    """A query as the plugin sends it."""
    first, last = (f"toDateTime({int(it.timestamp())})" for it in (since, until))
    query = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"(\1 >= {first} AND \1 <= {last})", query)
    query = re.sub(r"\$__timeInterval\(([\w.]+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 3600 second)", query)
    query = query.replace("$__toTime", last)
    for name, value in VALUES.items():
        query = query.replace(f"${{{name}:singlequote}}", value)
    assert "$" not in query, f"a macro or variable that this test does not know: {query}"
    return query


def test_the_files_are_what_the_generator_writes() -> None:
    assert {name: json.loads(text) for name, text in texts().items()} == BOARDS


def test_every_panel_says_what_it_shows_and_asks_a_data_source_of_the_dashboard() -> None:
    for name, document in BOARDS.items():
        assert {it["name"] for it in document["templating"]["list"]} >= {"prometheus", "clickhouse"}, name
        for panel in document["panels"]:
            if panel["type"] != "row":
                assert panel["description"], panel["title"]
                assert panel["datasource"]["uid"] in ("${prometheus}", "${clickhouse}"), panel["title"]
                assert {it["datasource"]["uid"] for it in panel["targets"]} == {panel["datasource"]["uid"]}


@pytest.mark.server
@pytest.mark.parametrize("panel", sorted(SQL))
def test_a_query_runs_on_the_warehouse(filled: Warehouse, panel: str) -> None:
    filled.ask(expanded(SQL[panel], NOW - timedelta(days=40), NOW + timedelta(hours=1)))


@pytest.mark.server
def test_panels_show_the_scenario(filled: Warehouse) -> None:
    def shown(panel: str) -> list[dict[str, Any]]:
        return filled.ask(expanded(SQL[panel], NOW - timedelta(days=40), NOW + timedelta(hours=1)))

    assert shown("executive.json: Usable results 0") == [{"success": 25 / 32}]
    assert [it["currency"] for it in shown("executive.json: Spend 0")] == ["USD"]
    worst = shown("executive.json: Error budget left 0")[0]
    assert (worst["objective"], worst["tenant"]) == ("job-success", "acme")
    assert worst["budget_left"] == pytest.approx(1 - 7 / 11 / 0.01)
    first = shown("on-call.json: Circuits that fail most 0")[0]
    assert (first["tenant"], first["backend"], first["failed"], first["reason"]) == (
        "acme",
        "torino",
        6,
        "executor_lost",
    )
    assert len(shown("on-call.json: Failed jobs 0")) == 7
    assert shown("debug.json: Events of the job 0")[0]["type"] == "qb.job.submitted.v1"


@pytest.mark.server
def test_lines_of_the_logs_are_rows_of_a_job_or_of_all(filled: Warehouse) -> None:
    line = {
        "Timestamp": f"{NOW:%Y-%m-%d %H:%M:%S}", "TraceId": "a" * 32, "SeverityText": "WARNING", "SeverityNumber": 13,
        "ServiceName": "broker", "Body": "no place", "LogAttributes": {"queuebit.job": "j0"},
    }  # fmt: skip
    other = {**line, "Body": "of another job", "LogAttributes": {"queuebit.job": "j1"}}
    filled.ask(f"INSERT INTO otel_logs FORMAT JSONEachRow\n{json.dumps(line)}\n{json.dumps(other)}", user=WRITER)
    query = SQL["debug.json: Log lines 0"]
    (row,) = filled.ask(expanded(query, NOW - timedelta(hours=1), NOW + timedelta(hours=1)))
    assert (row["body"], row["level"]) == ("broker: no place", "WARNING")


def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed: it is part of Debian's package prometheus")
    written = (it.replace("$__rate_interval", "5m").replace("$service", ".*") for it in PROMQL.values())
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(written)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [tool, "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_a_panel_is_declared_by_a_service() -> None:
    sources = "\n".join(
        it.read_text() for part in ("libs/runtime/src", "services") for it in (ROOT / part).rglob("*.py")
    )
    used = {name for text in PROMQL.values() for name in re.findall(r"\bqueuebit_[a-z_]+", text)}
    declared = {re.sub(r"_(bucket|count|sum)$", "", it) for it in used}
    assert {it for it in declared if f'"{it}"' not in sources} == set()


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed: it is part of Debian's package prometheus")
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    targets = tmp_path / "prometheus.json"
    targets.write_text(json.dumps([{"targets": ["127.0.0.1:7431"], "labels": {"process": "broker"}}]))
    (tmp_path / "prometheus.yml").write_text(text.replace("/home/me/.queuebit/prometheus.json", str(targets)))
    command = [tool, "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
