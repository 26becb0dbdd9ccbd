"""Answers of a real warehouse are printed exactly, and only permitted rows."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from queuebit_cli.main import main
from queuebit_contracts.tables import statements
from queuebit_runtime.keys import new_seed, public_key
from queuebit_stack.bootstrap import bootstrap, write_credential
from queuebit_stack.home import Home
from queuebit_stack.stack import CONTAINERS, Stack
from queuebit_stack.warehouse import Login, asking
from queuebit_testing.server import free_port

pytest.importorskip("queuebit_warehouse", reason="the warehouse is not installed beside the command line")
pytestmark = pytest.mark.server

FACTS = [
    ("acme", "account.funded", "", "amount", "1000"),
    ("acme", "account.held", "j1", "amount", "3.6096"),
    ("acme", "account.held", "j2", "amount", "2.5"),
    ("acme", "account.held", "j3", "amount", "1"),
    ("acme", "job.metered", "j1", "charge", "0.001036"),
    ("acme", "account.settled", "j1", "held", "3.6096"),
    ("acme", "account.released", "j3", "amount", "1"),
    ("acme", "account.funded", "", "amount", "-0.000000000000000001"),
    ("beta", "account.funded", "", "amount", "7"),
]
"""In order: what happened, to which job, and the amount of which field."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    it = Home(tmp_path_factory.mktemp("warehouse") / "home")
    bootstrap(it)
    port = free_port()
    settings = {
        "PORT": port,
        "DATA_DIR": it.warehouse / "data",
        "PASSWORD_FILE": it.warehouse_password,
        "ANALYST_PASSWORD_FILE": it.analyst_password,
        "TENANTS_FILE": it.tenants_file,
    }
    environment = os.environ | {f"QUEUEBIT_WAREHOUSE_{name}": str(value) for name, value in settings.items()}
    argv = [sys.executable, "-m", "queuebit_warehouse"]
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True) as warehouse:
        assert warehouse.stderr is not None
        assert any(re.search("listening on", line) for line in warehouse.stderr)
        stack = Stack(CONTAINERS, {}, {"warehouse": f"http://127.0.0.1:{port}", "nats-server": "nats://127.0.0.1:1"})
        stack.save(it)
        _fill(it, stack)
        yield it
        warehouse.kill()


def _fill(home: Home, stack: Stack) -> None:
    rows = [
        {
            "seq": sequence,
            "event_id": str(sequence),
            "type": f"qb.{kind}.v1",
            "tenant": tenant,
            "job": job,
            "account" if kind.startswith("account") else "project": "main",
            "data": json.dumps({field: {"amount": amount, "currency": "USD"}}),
            "generation": "g",
        }
        for sequence, (tenant, kind, job, field, amount) in enumerate(FACTS, start=1)
    ]
    lines = "\n".join(map(json.dumps, rows))
    writer = Login("queuebit", home.warehouse_password.read_text().strip())
    for statement in (statements("g")[0], f"INSERT INTO events FORMAT JSONEachRow\n{lines}"):
        with asking(stack, writer, statement, "TSV", {}) as answer:
            assert answer.status == 200, b"".join(answer.chunks)


def test_money_is_reported_as_it_is_stored(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    question = "SELECT sum(charge) AS due, 123456789.125 AS f, '' AS none, NULL AS n, ['it''s'] AS x FROM events"
    assert main(["sql", question, "--home", str(home.root)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "     due              f  none  n     x",
        r"0.001036  123456789.125        NULL  ['it\'s']",
    ]
    assert main(["sql", question, "--home", str(home.root), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"due": "0.001036", "f": 123456789.125, "none": "", "n": None, "x": ["it's"]}


def test_a_refusal_keeps_its_number_and_says_what_there_is(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "SELEC 1", "--home", str(home.root)]) == 3
    output = capsys.readouterr().err
    assert ("Code: 62." in output, "Expected one of" in output) == (True, False)
    assert main(["sql", "SELECT * FROM jbos", "--home", str(home.root)]) == 3
    assert "`qb sql 'SHOW TABLES'` lists tables and views" in capsys.readouterr().err


REWRITES = ["ALTER TABLE events UPDATE data = '{}' WHERE 1", "DROP TABLE events", "INSERT INTO events (seq) VALUES (9)"]


@pytest.mark.parametrize("statement", REWRITES)
@pytest.mark.parametrize("who", [[], ["--tenant", "demo"]], ids=["analyst", "tenant"])
def test_no_one_rewrites_charges_with_qb_sql(
    home: Home, statement: str, who: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", statement, "--home", str(home.root), *who]) == 3
    assert "READONLY" in capsys.readouterr().err


def test_a_tenants_user_sees_the_tenants_rows_with_qb_sql(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    question = ["sql", "SELECT DISTINCT tenant FROM events ORDER BY tenant", "--home", str(home.root), "--json"]
    assert main(question) == 0
    assert [row["tenant"] for row in json.loads(capsys.readouterr().out)] == ["acme", "beta"]
    assert main([*question, "--tenant", "demo"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    seed = new_seed()
    write_credential(home, "acme", "ann", seed, project="main")
    with home.tenants_file.open("a") as file:
        file.write(f'[tenant.acme]\n[tenant.acme.user.ann]\nkeys = ["{public_key(seed)}"]\n')
    assert main([*question, "--tenant", "acme"]) == 0
    assert [row["tenant"] for row in json.loads(capsys.readouterr().out)] == ["acme"]


def test_another_client_logs_in_with_a_password_made_for_it(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warehouse", "login", "--tenant", "demo", "--hours", "1", "--home", str(home.root), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    stack = Stack.load(home)
    assert stack is not None
    with asking(stack, Login(output["user"], output["password"]), "SELECT count() FROM events", "TSV", {}) as answer:
        assert (answer.status, b"".join(answer.chunks)) == (200, b"0\n")
    with pytest.raises(SystemExit):
        main(["warehouse", "login", "--hours", "25"])
