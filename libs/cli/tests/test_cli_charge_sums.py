"""`qb charges --by … --from … --to … --csv`: what is asked, and the file that a spreadsheet reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from queuebit_cli.commands import charge_sums
from queuebit_cli.main import main

ROWS = [
    {"day": "2026-11-03", "label": "=HYPERLINK(1)", "currency": "USD", "jobs": 2, "amount": "0.000000000000000001"},
    {"day": "2026-11-04", "label": "bell, twice", "currency": "EUR", "jobs": 1, "amount": "-1.5"},
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Mapping[str, str]]:
    """The values of each question to the warehouse."""
    found: list[Mapping[str, str]] = []

    def records(stack: object, login: object, query: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
        assert query.startswith("SELECT day_ AS day, label_ AS label, currency, jobs, amount FROM (")
        found.append(values)
        return ROWS

    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path))
    monkeypatch.setattr(charge_sums, "running_stack", lambda home: None)
    monkeypatch.setattr(charge_sums, "analyst_of", lambda home: None)
    monkeypatch.setattr(charge_sums, "records", records)
    return found


def test_a_period_is_summed_into_a_file_for_spreadsheets(
    asked: list[Mapping[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    period = ("--from", "2026-11-01", "--to", "2026-12-01")
    assert main(["charges", "--by", "day,label", *period, "--csv", "--all-tenants"]) == 0
    text = capsys.readouterr().out
    rows = [*csv.DictReader(io.StringIO(text))]
    assert [*rows[0]] == ["day", "label", "currency", "jobs", "amount"]
    assert [(it["label"], it["amount"]) for it in rows] == [
        ("'=HYPERLINK(1)", "0.000000000000000001"),
        ("bell, twice", "-1.5"),
    ]
    (values,) = asked
    moments = [datetime.fromtimestamp(float(values[it]), UTC) for it in ("since", "until")]
    assert moments == [datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)]
    assert (values["tenant"], values["project"]) == ("", "")


def test_without_a_period_all_charges_are_summed(asked: list[Mapping[str, str]]) -> None:
    assert main(["charges", "--by", "day,label", "--all-tenants", "--project", "chem"]) == 0
    assert asked == [{"tenant": "", "project": "chem", "since": "0", "until": "0"}]


@pytest.mark.parametrize("wrong", [("--by", "mood"), ("--by", "day", "--from", "yesterday-ish")])
def test_what_cannot_be_asked_is_named(
    wrong: tuple[str, ...], asked: list[Mapping[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["charges", *wrong, "--all-tenants"])
    assert stopped.value.code == 2
    assert wrong[-1] in capsys.readouterr().err
    assert asked == []
