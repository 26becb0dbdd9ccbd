"""Permissions: analysts read all rows, tenants' users read their tenant's rows, only the writer changes data."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import clickhouse_connect
import pytest

from queuebit_kernel import SystemClock
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.tickets import ticket
from queuebit_warehouse.dialect import Credentials
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.logins import Logins

from .conftest import Warehouse

pytestmark = pytest.mark.server

SEED = new_seed()
ANALYST = ("analyst", "only reads")
TENANTS = f"""
[tenant.acme]
[tenant.acme.user.ann]
keys = ["{public_key(SEED)}"]
[tenant.beta]
"""
MAKE = """
CREATE TABLE events (tenant String, job String, charge UInt64) ENGINE = MergeTree ORDER BY job;
CREATE VIEW jobs AS SELECT tenant, job, sum(charge) AS charge FROM events GROUP BY tenant, job;
CREATE TABLE otel_traces (SpanName String, SpanAttributes Map(String, String)) ENGINE = MergeTree ORDER BY SpanName;
CREATE TABLE notes (tenant String) ENGINE = MergeTree ORDER BY tenant;
INSERT INTO events SELECT 'acme', 'a1', 5 UNION ALL SELECT 'beta', 'b1', 70;
INSERT INTO otel_traces SELECT 'a', map('queuebit.tenant', 'acme') UNION ALL SELECT 'b', map('queuebit.tenant', 'beta');
INSERT INTO notes SELECT 'acme';
"""


@pytest.fixture(scope="module")
def guarded(start_warehouse: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A warehouse with rows of two tenants, an analyst, and a user of one tenant."""
    folder = tmp_path_factory.mktemp("guarded")
    password = folder / "analyst.password"
    password.touch(mode=0o600)
    password.write_text(ANALYST[1])
    (folder / "tenants.toml").write_text(TENANTS)
    one = start_warehouse(folder / "data", analyst_password_file=password, tenants_file=folder / "tenants.toml")
    for statement in filter(None, map(str.strip, MAKE.split(";"))):
        assert one.request(body=statement.encode()).status == 200
    return one


def ann() -> tuple[str, str]:
    return "acme/ann", ticket(SEED, "acme", "ann", int(time.time()) + 60)


def rows(warehouse: Warehouse, query: str, who: tuple[str, str], **keys: str) -> list[str] | str:
    reply = warehouse.request(body=query.encode(), credentials=who, keys=keys)
    return reply.body.decode().splitlines() if reply.status == 200 else f"{reply.code} {reply.body.decode()[:200]}"


WRITES = [
    "ALTER TABLE events UPDATE charge = 3650 WHERE 1",
    "ALTER TABLE events DELETE WHERE 1",
    "DELETE FROM events WHERE 1",
    "INSERT INTO events VALUES ('acme', 'a2', 1)",
    "TRUNCATE TABLE events",
    "DROP TABLE events",
    "CREATE TABLE other (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE other (a UInt8)",
    "CREATE OR REPLACE VIEW jobs AS SELECT 1",
    "OPTIMIZE TABLE events FINAL",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "SET log_comment = 'tenant:beta'",
    "USE system",
    "SELECT * FROM events SETTINGS readonly = 0",
    "SELECT * FROM events SETTINGS log_comment = 'tenant:beta'",
    "EXPLAIN SELECT * FROM events SETTINGS max_memory_usage = 0",
]


@pytest.mark.parametrize("statement", WRITES)
@pytest.mark.parametrize("who", [ANALYST, None], ids=["analyst", "tenant"])
def test_readers_cannot_change_data(guarded: Warehouse, who: tuple[str, str] | None, statement: str) -> None:
    answer = rows(guarded, statement, who or ann())
    assert isinstance(answer, str)
    assert answer.startswith("497 " if statement.startswith("EXPLAIN") and who is None else "164 ")
    assert rows(guarded, "SELECT sum(charge) FROM events", ANALYST) == ["75"]


@pytest.mark.parametrize(
    "query",
    [
        "EXPLAIN ESTIMATE SELECT * FROM events WHERE job = 'b1'",
        "/* */ explain indexes = 1 SELECT * FROM events WHERE job = 'b1'",
        "SELECT * FROM (EXPLAIN ESTIMATE SELECT * FROM events WHERE job = 'b1')",
        "SELECT * FROM viewExplain('EXPLAIN ESTIMATE', '', (SELECT * FROM events))",
        "CHECK TABLE events",
        "/* */ check table events settings check_query_single_value_result = 0",
    ],
)
def test_a_tenants_user_learns_nothing_about_other_tenants_from_indexes(guarded: Warehouse, query: str) -> None:
    answer = rows(guarded, query, ann())
    assert isinstance(answer, str)
    assert answer[:4] in ("497 ", "291 ")
    assert rows(guarded, "SELECT 'EXPLAIN'", ann()) == ["EXPLAIN"]


@pytest.mark.parametrize("key", ["log_comment", "max_memory_usage", "additional_table_filters"])
def test_readers_can_set_only_the_format_of_responses(guarded: Warehouse, key: str) -> None:
    assert rows(guarded, "SELECT 1", ann(), **{key: "1"})[:4] == "164 "
    assert rows(guarded, "SELECT tenant FROM events", ann(), readonly="0") == ["acme"]
    form = {"default_format": "JSONEachRow", "output_format_json_quote_decimals": "1"}
    assert rows(guarded, "SELECT toDecimal32(1.5, 1) AS a", ann(), **form) == ['{"a":"1.5"}']


def test_an_analyst_reads_all_rows(guarded: Warehouse) -> None:
    assert rows(guarded, "SELECT tenant FROM events ORDER BY tenant", ANALYST) == ["acme", "beta"]
    assert rows(guarded, "SELECT count() FROM notes", ANALYST) == ["1"]


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("SELECT DISTINCT tenant FROM events", ["acme"]),
        ("SELECT tenant, charge FROM jobs", ["acme\t5"]),
        ("SELECT DISTINCT tenant FROM default.events AS e FINAL", "181"),
        ("SELECT SpanName FROM otel_traces", ["a"]),
        ("SELECT sum(charge) FROM merge('default', 'events')", ["5"]),
        ("SELECT 70 IN (SELECT charge FROM events), 'b1' IN (SELECT job FROM jobs)", ["0\t0"]),
        ("SELECT count() FROM events PREWHERE throwIf(charge = 70) = 0", ["1"]),
        ("SELECT count() FROM events AS a JOIN events AS b ON a.charge < b.charge", ["0"]),
        ("SELECT count() FROM (SELECT tenant FROM events UNION ALL SELECT tenant FROM jobs)", ["2"]),
        ("SELECT count() FROM view(SELECT * FROM events)", ["1"]),
        ("SELECT count(), max(charge) FROM events", ["1\t5"]),
        ("SELECT count() FROM notes", ["0"]),
        ("SELECT count() FROM system.processes", ["0"]),
        ("SELECT count() FROM system.parts", ["0"]),
        ("SHOW TABLES", ["events", "jobs", "otel_traces"]),
        ("SELECT count() FROM system.columns WHERE table = 'notes'", ["0"]),
        ("SELECT 1", ["1"]),
    ],
)
def test_a_tenants_user_sees_the_rows_of_its_tenant(guarded: Warehouse, query: str, seen: list[str] | str) -> None:
    answer = rows(guarded, query, ann())
    assert answer[: len(seen)] == seen if isinstance(seen, str) else answer == seen


def test_the_standard_client_works_for_readers(guarded: Warehouse) -> None:
    for user, password in (ANALYST, ann()):
        client = clickhouse_connect.get_client(
            host="127.0.0.1", port=guarded.port, username=user, password=password, session_id="shared"
        )
        assert client.query("SELECT tenant FROM events ORDER BY tenant LIMIT 1").result_rows == [("acme",)]
        assert client.query("SELECT {a:UInt8}", parameters={"a": 7}).result_rows == [(7,)]
        client.close()


def test_a_reader_cannot_use_a_session_of_the_writer(guarded: Warehouse) -> None:
    session = {"session_id": "one"}
    assert guarded.request(body=b"CREATE TEMPORARY TABLE secret (a UInt8)", keys=session).status == 200
    assert "UNKNOWN_TABLE" in rows(guarded, "SELECT * FROM secret", ANALYST, **session)
    assert guarded.request("SELECT count() FROM secret", keys=session).body == b"0\n"


def test_changes_of_the_tenants_file_apply(guarded: Warehouse) -> None:
    file: Path = guarded.log.parent / "tenants.toml"
    other = new_seed()
    bea = ("beta/bea", ticket(other, "beta", "bea", int(time.time()) + 60))
    assert rows(guarded, "SELECT 1", bea)[:4] == "516 "
    file.write_text(f'{TENANTS}[tenant.beta.user.bea]\nkeys = ["{public_key(other)}"]\n')
    assert rows(guarded, "SELECT DISTINCT tenant FROM events", bea) == ["beta"]
    file.write_text("this is no tenants file")
    assert rows(guarded, "SELECT 1", bea) == ["1"]
    file.write_text(TENANTS)
    assert rows(guarded, "SELECT 1", bea)[:4] == "516 "
    assert rows(guarded, "SELECT 1", ("acme/ann", "wrong"))[:4] == "516 "


def test_a_replaced_key_is_refused_even_if_size_and_time_of_the_file_are_equal(tmp_path: Path) -> None:
    file, new_key = tmp_path / "tenants.toml", new_seed()
    file.write_text(TENANTS)
    logins = Logins({}, file, SystemClock())
    assert logins.admit(Credentials(*ann())).tenant == "acme"
    age = file.stat().st_mtime_ns
    replacement = tmp_path / "replacement"
    replacement.write_text(TENANTS.replace(public_key(SEED), public_key(new_key)))
    os.utime(replacement, ns=(age, age))
    replacement.replace(file)
    with pytest.raises(DatabaseError):
        logins.admit(Credentials(*ann()))


def test_a_tenants_file_is_read_again_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text(TENANTS)
    logins = Logins({}, file, SystemClock())

    def fail(*_: object, **__: object) -> str:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as briefly:
        briefly.setattr(Path, "read_text", fail)
        with pytest.raises(DatabaseError):
            logins.admit(Credentials(*ann()))
    assert logins.admit(Credentials(*ann())).tenant == "acme"
