"""`qb ledger` as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import queuebit_audit
from queuebit_audit import Booked
from queuebit_cli.main import main
from queuebit_contracts.account import AccountFunded, AccountHeld, Funding, Hold
from queuebit_contracts.wire import Amount

PLACE = {"tenant": "acme", "account": "main"}


@pytest.fixture
def booked(monkeypatch: pytest.MonkeyPatch) -> Booked:
    """An account with one hold, as if it had been read from a stack."""
    found = Booked()
    facts: list[AccountFunded | AccountHeld] = [
        AccountFunded(source="t", data=Funding(**PLACE, amount=Amount(amount="10"))),
        AccountHeld(source="t", data=Hold(**PLACE, job="j1", amount=Amount(amount="0.125"))),
    ]
    for sequence, event in enumerate(facts, 1):
        transaction = found.ledger.take(event, sequence)
        assert transaction is not None
        found.transactions.append(transaction)

    async def read(*_: object) -> Booked:
        return found

    monkeypatch.setattr(queuebit_audit, "read_ledger", read)
    monkeypatch.setattr(queuebit_audit, "target_of", lambda home: home)
    return found


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["ledger", "--json", *arguments]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_each_account_has_a_row_that_sums_to_zero(booked: Booked, capsys: pytest.CaptureFixture[str]) -> None:
    account, total = rows(capsys)
    assert account == {
        "tenant": "acme",
        "project": "main",
        "funding": "-10.00",
        "granted": "0.00",
        "available": "9.875",
        "reserved": "0.00",
        "held": "0.125",
        "charged": "0.00",
        "expired": "0.00",
        "invoiced": "0.00",
        "credited": "0.00",
        "owed": "0.00",
        "sum": "0.00",
        "currency": "USD",
    }
    assert total == {**account, "tenant": "total", "project": ""}


def test_people_see_the_books_that_hold_something(booked: Booked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger"]) == 0
    head = capsys.readouterr().out.splitlines()[0].split()
    assert head == ["tenant", "project", "funding", "available", "held", "sum", "currency"]


def test_the_entries_of_a_project_as_csv_are_those_of_json(booked: Booked, capsys: pytest.CaptureFixture[str]) -> None:
    of_project = ("--tenant", "acme", "--project", "main")
    entries = rows(capsys, *of_project)
    assert [(it["fact"], it["book"], it["amount"]) for it in entries] == [
        ("funded", "funding", "-10.00"),
        ("funded", "available", "10.00"),
        ("held", "available", "-0.125"),
        ("held", "held", "0.125"),
    ]
    assert main(["ledger", "--csv", *of_project]) == 0
    read = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert read == [{name: str(value) for name, value in it.items()} for it in entries]


def test_a_fact_that_cannot_be_booked_is_named(booked: Booked, capsys: pytest.CaptureFixture[str]) -> None:
    booked.faults.append("sequence 3: it contradicts itself")
    assert main(["ledger"]) == 1
    assert "not booked: sequence 3: it contradicts itself" in capsys.readouterr().err


def test_a_project_needs_its_tenant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ledger", "--home", str(tmp_path), "--project", "main"])
    assert "add --tenant" in capsys.readouterr().err
