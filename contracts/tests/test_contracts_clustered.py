"""The statements for a cluster: those for a single server, but for where they act and who keeps the rows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit_contracts.clustered import clustered, distributed, stored_tables
from queuebit_contracts.tables import statements, views

SCRIPTS = Path(__file__).parents[2] / "deploy" / "clickhouse"
RUNNING = (
    "DROP TABLE IF EXISTS events SYNC",
    "RENAME TABLE events TO events_set_aside",
    "ALTER TABLE kept_cases DROP PARTITION ID 'x'",
    "INSERT INTO events_held SELECT * FROM events",
)
"""What telemetry does to tables that are there."""
HERE = "ON CLUSTER 'main'"


def logins() -> list[str]:
    """The statements of the scripts that make logins."""
    text = "\n".join((SCRIPTS / it).read_text() for it in ("tenant.sql", "finance.sql"))
    plain = re.sub(r"^--.*$", "", text, flags=re.MULTILINE)
    for name, value in {"tenant": "acme", "name": "anna", "sha256": "0" * 64, "tenants": "'acme'"}.items():
        plain = plain.replace(f"{{{name}}}", value)
    return [it.strip() for it in plain.split(";") if it.strip()]


def test_every_statement_acts_on_the_cluster_but_alter_and_insert() -> None:
    for statement in (*statements("g"), *logins(), *RUNNING):
        changed = clustered(statement, "main")
        is_kept = re.search(r"^(ALTER|INSERT)", statement, re.MULTILINE)
        assert changed.count(HERE) == (0 if is_kept else 1), statement[:80]


def test_every_table_is_replicated_and_forgets_repeated_inserts_as_before() -> None:
    for statement in statements("g"):
        changed = clustered(statement, "main")
        assert ("ENGINE = Replicated" in changed) == ("ENGINE = " in statement)
        assert "non_replicated" not in changed
        assert changed.count("replicated_deduplication_window = ") == statement.count("deduplication_window = ")


def test_nothing_else_changes() -> None:
    for statement in (*statements("g"), *logins(), *RUNNING):
        back = clustered(statement, "main").replace(f" {HERE}", "").replace("ENGINE = Replicated", "ENGINE = ")
        assert back == statement.replace("non_replicated", "replicated")


def test_each_table_with_rows_has_one_over_all_shards() -> None:
    made = list(distributed("main"))
    assert len(made) == len(stored_tables())
    assert {"events", "otel_traces", "otel_logs", "case_sums", "kept_cases"} <= {*stored_tables()}
    assert not {*stored_tables()} & {*views()}
    for name, statement in zip(stored_tables(), made, strict=True):
        assert statement.startswith(f"CREATE OR REPLACE TABLE {name}_distributed {HERE} AS {name}\n")
        assert clustered(statement, "main") == statement


@pytest.mark.parametrize("cluster", ["", "a'b", "a b", "1a", "{cluster}"])
def test_another_name_than_that_of_a_cluster_is_refused(cluster: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a cluster"):
        clustered("SELECT 1", cluster)


@pytest.mark.server
def test_the_engine_can_read_every_statement() -> None:
    """ClickHouse's own parser, of the release that is embedded."""
    plain = [*statements("g"), *logins(), *RUNNING]
    everything = [*plain, *(clustered(it, "main") for it in plain), *distributed("main")]
    code = (
        "import chdb, json, sys\n"
        "for it in json.load(sys.stdin):\n"
        "    text = it.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))\n"
        "    chdb.query(f\"SELECT formatQuery('{text}') FORMAT Null\")\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(everything), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
