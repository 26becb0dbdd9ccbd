"""Cost reports: the sums of the scenario, in every format."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from queuebit_cli.report_data import PERIODS, Period, Report, Section, period_of, report_of, shown
from queuebit_cli.report_html import LEFT, report_csv, report_html
from queuebit_cli.report_pdf import report_pdf

from .scenario import NOW
from .warehouse import Warehouse

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def acme(filled: Warehouse) -> Report:
    return report_of(filled.ask, period_of("month", NOW), "acme", NOW)


def _values(report: Report, section: str, column: str) -> list[str]:
    rows = csv.DictReader(io.StringIO(report_csv(report)))
    return [it["value"] for it in rows if (it["section"], it["column"]) == (section, column)]


def test_the_sums_are_those_of_the_scenario(acme: Report) -> None:
    assert dict(zip(_values(acme, "Total", "category"), _values(acme, "Total", "amount"), strict=True)) == {
        "billed": "42.92", "allocated": "42.8", "idle": "0.12", "overhead": "21",
    }  # fmt: skip
    for section in ("By day", "By team", "By user", "By backend", "By tag"):
        assert all(_values(acme, section, section.removeprefix("By "))), "each row names what it is of"
        assert sum(map(Decimal, _values(acme, section, "amount"))) == Decimal("42.92"), section
    assert sum(map(Decimal, _values(acme, "Results", "amount"))) == Decimal("42.7")
    assert max(map(Decimal, _values(acme, "Advice", "saving"))) == 32


def test_a_report_of_all_tenants_has_them_and_what_stands_out(filled: Warehouse) -> None:
    report = report_of(filled.ask, period_of("month", NOW), "", NOW)
    assert {"acme/chem", "acme/ml", "beta/main"} == {*_values(report, "By team", "team")}
    assert _values(report, "Days that stand out", "score") == ["329.8"]
    assert report.title.endswith(": all tenants")
    cells = {
        (name, it)
        for section in report.sections
        for row in section.rows
        for name, it in zip(section.columns, row, strict=True)
    }
    assert all(Decimal(it).is_finite() for name, it in cells if name not in LEFT and it), "other columns are numbers"
    assert {*LEFT} == {name for name, _ in cells if name in LEFT}, "each of these is a column"


def test_a_period_without_charges_has_only_what_is_of_now(filled: Warehouse) -> None:
    report = report_of(filled.ask, period_of("week", NOW - timedelta(days=400)), "acme", NOW)
    assert {it.title for it in report.sections} == {"Month to date and forecast", "Advice"}
    assert not report.charged


def test_the_page_is_well_formed_and_has_the_sums(acme: Report) -> None:
    page = report_html(acme)
    for drawing in (found := re.findall(r"<svg.*?</svg>", page, re.DOTALL)):
        ElementTree.fromstring(drawing)
    assert len(found) == 5
    assert "<script" not in page
    assert "src=" not in page
    assert "prefers-color-scheme: dark" in page
    text = re.sub(r"<[^>]+>", " ", page)
    for value in ("42.8", "37.62", "0.12", "20.25"):
        assert value in text


def test_bars_are_as_long_as_their_amounts(acme: Report) -> None:
    page = report_html(acme)
    teams = page.split("<h2>By team</h2>")[1].split("</svg>")[0]
    chem, ml = (float(it) for it in re.findall(r'width="([0-9.]+)" height', teams))
    assert ml / chem == pytest.approx(5.3 / 37.62, abs=0.001)


def test_what_people_chose_is_escaped() -> None:
    bad = "<script>alert(1)</script>"
    section = Section("By user", "", ("user", "amount"), ((bad, "1"), ("=HYPERLINK(1)", "-2")))
    report = Report(period_of("month", NOW), bad, NOW, (section,))
    assert "<script" not in report_html(report)
    assert "'=HYPERLINK(1)" in report_csv(report)
    assert ",-2\r\n" in report_csv(report), "a negative amount stays a number"


@pytest.mark.parametrize(
    ("kind", "day", "name", "since", "until"),
    [
        ("week", "2026-11-29", "2026-W48", "2026-11-23", "2026-11-30"),
        ("week", "2026-01-01", "2026-W01", "2025-12-29", "2026-01-05"),
        ("month", "2026-12-31", "2026-12", "2026-12-01", "2027-01-01"),
        ("month", "2028-02-29", "2028-02", "2028-02-01", "2028-03-01"),
        ("quarter", "2026-11-30", "2026-Q4", "2026-10-01", "2027-01-01"),
        ("quarter", "2026-05-01", "2026-Q2", "2026-04-01", "2026-07-01"),
    ],
)
def test_periods(kind: str, day: str, name: str, since: str, until: str) -> None:
    moments = (datetime.fromisoformat(it).replace(tzinfo=UTC) for it in (since, until))
    period = period_of(kind, datetime.fromisoformat(day).replace(tzinfo=UTC))
    assert period == Period(kind, *moments)
    assert period.name == name


@pytest.mark.parametrize("kind", PERIODS)
def test_periods_follow_each_other_without_a_gap(kind: str) -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    for _ in range(60):
        period = period_of(kind, at)
        assert period.since <= at < period.until
        assert period_of(kind, period.until - timedelta(microseconds=1)) == period
        assert period_of(kind, period.until).since == period.until
        at = period.until


def test_amounts_for_people_are_rounded_and_others_are_not_changed() -> None:
    assert [shown(it) for it in ("1234.5", "0.0000004", "0.1234565", "12", "", "qft")] == [
        "1,234.5", "0", "0.123456", "12", "", "qft",
    ]  # fmt: skip
    assert shown("1234567890123456789012345.5") == "1,234,567,890,123,456,789,012,345.5", "more than 28 digits"
    assert shown("-0.0000001") == "0"


def test_the_pdf_has_the_same_sums_and_is_the_same_each_time(acme: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportlab.rl_config.pageCompression", 0)
    file = report_pdf(acme)
    assert file.startswith(b"%PDF-")
    assert file == report_pdf(acme)
    words = [it.decode("latin-1") for it in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", file)]
    for value in ("42.8", "37.62", "0.12", "20.25"):
        assert value in " ".join(words).split()


def test_a_pdf_shows_markup_as_text() -> None:
    section = Section("By user", "", ("user", "amount"), (("<b>&\U0001f600</i>", "1"),))
    assert report_pdf(Report(period_of("month", NOW), "<para>", NOW, (section,))).startswith(b"%PDF-")
