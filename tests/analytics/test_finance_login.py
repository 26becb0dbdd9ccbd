"""A finance login reads the rows of its tenants, whatever it asks, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit_contracts.finance import FinanceLogin, FinanceLogins, digest_of, finance_text
from queuebit_contracts.tables import views

from .histories import Bill, Charged, Line, messages
from .warehouse import ANALYST, Refused, Warehouse

pytestmark = pytest.mark.server

SECRET = "a random secret"
ANNA, ZOE = ("finance.anna", SECRET), ("finance.zoe", SECRET)
OWN = {"acme", "beta"}


def _logins(**tenants: tuple[str, ...]) -> str:
    found = {name: FinanceLogin(sha256=digest_of(SECRET), tenants=it) for name, it in tenants.items()}
    return finance_text(FinanceLogins(login=found))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finance") / "finance.toml"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, file: Path) -> Iterator[Warehouse]:
    """A warehouse with charges of three tenants, and a finance login for two of them."""
    file.write_text(_logins(anna=("acme", "beta")))
    running = Warehouse(tmp_path_factory.mktemp("guarded"), finance_file=file)
    lines = (Line("second", Decimal(3), Decimal(2), Decimal(7)),)
    for tenant in ("acme", "beta", "evil"):
        kinds = ("job", "session", "hybrid")
        running.fill(messages(tenant, [Charged(it, "main", "ann", (), 0, (Bill(lines),)) for it in kinds]))
    running.fill([("not.of.a.tenant", b"{}")])
    yield running
    running.stop()


@pytest.mark.parametrize("view", ["events", *views()])
def test_each_view_has_rows_of_its_tenants_only(guarded: Warehouse, view: str) -> None:
    query = f"SELECT DISTINCT tenant FROM {view}"
    everything = {it["tenant"] for it in guarded.ask(query)}
    assert {it["tenant"] for it in guarded.ask(query, user=ANNA)} == everything & OWN


@pytest.mark.parametrize(("script", "names"), [("finance.sql", ("acme", "beta")), ("tenant.sql", ("acme",))])
@pytest.mark.parametrize("table", ["events", "otel_traces"])
def test_the_policies_for_a_server_select_what_a_login_here_reads(
    guarded: Warehouse, script: str, names: tuple[str, ...], table: str
) -> None:
    """A server has the scripts' policies, the embedded warehouse those of its own configuration."""
    text = (Path(__file__).parents[2] / "deploy" / "clickhouse" / script).read_text()
    (condition,) = re.findall(rf"ON default\.{table} AS RESTRICTIVE\s+USING (.+) TO ", text)
    quoted = ", ".join(f"'{it}'" for it in names)
    condition = condition.replace("{tenants}", quoted).replace("{tenant}", names[0])
    owner = "tenant" if table == "events" else "SpanAttributes['queuebit.tenant']"
    count = "SELECT count() AS n, sum(cityHash64(*)) AS rows FROM"
    assert guarded.ask(f"{count} {table} WHERE {condition}") == guarded.ask(
        f"{count} {table} WHERE {owner} IN ({quoted})", user=ANNA
    )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count() AS n FROM charges WHERE tenant = 'evil'",
        "SELECT count() AS n FROM charges WHERE tenant NOT IN ('acme', 'beta')",
        "SELECT countIf(tenant = 'evil') AS n FROM events PREWHERE throwIf(tenant = 'evil') = 0",
        "SELECT countIf(throwIf(tenant = 'evil') = 1) AS n FROM events",
        "SELECT count() AS n FROM events AS a INNER JOIN charges AS b ON a.seq = b.seq WHERE b.tenant = 'evil'",
        "SELECT count() AS n FROM (SELECT tenant FROM events UNION ALL SELECT tenant FROM jobs) WHERE tenant = 'evil'",
        "SELECT countIf(tenant = 'evil') AS n FROM merge('default', '^(events|charges|charge_lines|origins)$')",
        "SELECT count() AS n FROM view(SELECT * FROM default.charges) WHERE tenant = 'evil'",
        "SELECT 'evil' IN (SELECT tenant FROM events) AS n",
        "SELECT toUInt64(max(tenant) = 'evil') AS n FROM events",
        "SELECT countIf(tenant = '') AS n FROM events",
        "SELECT count() AS n FROM otel_traces",
        "SELECT count() AS n FROM system.parts",
        "SELECT count() AS n FROM system.processes",
        "WITH (SELECT groupArray(tenant) FROM events) AS found SELECT has(found, 'evil') AS n",
    ],
)
def test_no_way_to_ask_leads_to_another_tenants_rows(guarded: Warehouse, query: str) -> None:
    assert int(guarded.ask(query, user=ANNA)[0]["n"]) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO events (seq) VALUES (1)",
        "ALTER TABLE events DELETE WHERE 1",
        "DROP VIEW charges",
        "CREATE OR REPLACE VIEW charges AS SELECT 'acme' AS tenant",
        "CREATE TEMPORARY TABLE a (b UInt8)",
        "TRUNCATE TABLE events",
        "OPTIMIZE TABLE events",
        "SET log_comment = 'tenant:evil'",
        "SELECT * FROM charges SETTINGS log_comment = 'tenant:evil'",
        "SELECT * FROM events SETTINGS readonly = 0",
        "SELECT * FROM events SETTINGS additional_table_filters = {'events': '1'}",
        "EXPLAIN SELECT * FROM events",
        "SELECT * FROM remote('127.0.0.1', default.events)",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "BACKUP TABLE events TO Disk('default', 'x')",
    ],
)
def test_it_changes_nothing(guarded: Warehouse, statement: str) -> None:
    before = guarded.ask("SELECT count() AS n, sum(charge) AS s FROM events")
    with pytest.raises(Refused):
        guarded.ask(statement, user=ANNA)
    assert guarded.ask("SELECT count() AS n, sum(charge) AS s FROM events") == before


@pytest.mark.parametrize("setting", ["log_comment", "readonly_", "additional_table_filters", "role"])
def test_settings_of_the_request_do_not_widen_what_it_reads(guarded: Warehouse, setting: str) -> None:
    try:
        rows = guarded.ask("SELECT DISTINCT tenant FROM charges", user=ANNA, settings={setting: "tenant:evil"})
    except Refused:
        return
    assert {it["tenant"] for it in rows} == OWN


@pytest.mark.parametrize(
    "user", [("finance.anna", "wrong"), ("finance.", SECRET), ("anna", SECRET), ("analyst", SECRET)]
)
def test_a_wrong_login_is_refused(guarded: Warehouse, user: tuple[str, str]) -> None:
    with pytest.raises(Refused, match="AUTHENTICATION_FAILED"):
        guarded.ask("SELECT 1", user=user)


def test_a_change_of_the_file_holds_from_the_next_request(guarded: Warehouse, file: Path) -> None:
    query = "SELECT DISTINCT tenant FROM charges ORDER BY tenant"
    file.write_text(_logins(anna=("acme", "beta"), zoe=("evil",)))
    assert guarded.ask(query, user=ZOE) == [{"tenant": "evil"}]
    file.write_text("[login.zoe]\ntenants = []\n")
    assert guarded.ask(query, user=ZOE) == [{"tenant": "evil"}], "an invalid file is ignored"
    file.write_text(_logins(anna=("acme", "beta")))
    with pytest.raises(Refused, match="AUTHENTICATION_FAILED"):
        guarded.ask(query, user=ZOE)
    file.unlink()
    with pytest.raises(Refused, match="AUTHENTICATION_FAILED"):
        guarded.ask(query, user=ANNA)
    assert guarded.ask("SELECT 1 AS n", user=ANALYST) == [{"n": 1}]
    file.write_text(_logins(anna=("acme", "beta")))
