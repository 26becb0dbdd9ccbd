"""The report in every format: for people, for reviews, for test viewers and for code scanning."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from queuebit.errors import InvalidInput
from queuebit_ci.baseline import read_baseline, write_baseline
from queuebit_ci.documents import report_document
from queuebit_ci.junit import junit
from queuebit_ci.markdown import MARKER, markdown
from queuebit_ci.model import Check, CircuitReport, Plan, Report, Run
from queuebit_ci.sarif import sarif
from queuebit_ci.significance import compare
from queuebit_kernel import Money

PLAN = Plan("emulated-ibm-torino", 12, 3, Money.of("1.10"), 0.9412, 1_000)
BEFORE = replace(PLAN, depth=10, cost=Money.of("1.00"), esp=0.95)
COUNTS = {"00": 520, "11": 480}
RUN = Run("aer", 1_000, 1, COUNTS, compare(COUNTS, {"00": 0.5, "11": 0.5}), 0.9996, "j1", Money.of("0.25"))
GOOD = CircuitReport("a.qasm", "sha256:1", (Check("circuit", "passed", "it fits"),), PLAN, BEFORE, RUN)
BAD = CircuitReport(
    "b|`x`.qasm",
    "sha256:2",
    (Check("circuit", "failed", "line 3, column 5: '<b>' | @team is `not` allowed\x1b", 3, 5),),
)
REPORT = Report((GOOD, BAD), (Check("total-cost", "skipped", "not checked"),), "main (12345678)", alpha=0.001, tested=1)


def test_markdown_is_one_table_with_failures_first_under_a_marker() -> None:
    lines = markdown(REPORT).splitlines()
    assert lines[:2] == [MARKER, "### Queuebit: 1 of 2 circuits failed"]
    rows = [it for it in lines if it.startswith("|")]
    assert len({it.replace("\\|", "").count("|") for it in rows}) == 1, "every row has as many cells"
    assert "b\\|'x'.qasm" in rows[2]
    assert "1.00 → 1.10 USD (+10%)" in rows[3]
    assert "95.00% → 94.12%" in rows[3]
    assert "10 → 12 (+20%)" in rows[3]
    assert "| 3 |" in rows[3], "what did not change is shown once"


def test_a_note_about_what_was_not_checked_names_the_circuits() -> None:
    skipped = Check("esp", "skipped", "not checked: the plan has no success probability")
    some = tuple(CircuitReport(f"{it}.qasm", "sha256:1", (skipped,)) for it in "ab")
    many = tuple(CircuitReport(f"c{it}.qasm", "sha256:1", (skipped,)) for it in range(7))
    assert "success probability (`a.qasm`, `b.qasm`)." in markdown(Report(some))
    assert "`c4.qasm` and 2 more)." in markdown(Report(many))
    assert "Total-cost: not checked." in markdown(REPORT), "a check of the whole change names none"


def test_markdown_of_other_people_has_no_meaning() -> None:
    text = markdown(REPORT)
    assert "<b>" not in text
    assert "\\<b\\>" in text
    assert "\\@team" in text, "no person is called by a comment"


def test_a_comment_stays_below_the_limit_of_review_systems() -> None:
    many = tuple(replace(BAD, path=f"{it:05}.qasm") for it in range(3_000))
    text = markdown(Report(many))
    assert len(text) < 65_536
    assert "and 2800 more circuits" in text
    assert text.endswith("The rest is in the JSON report.\n")


def test_a_change_without_circuits_says_so() -> None:
    assert "no circuit changed" in markdown(Report(()))


def test_what_an_earlier_run_paid_is_not_paid_again() -> None:
    again = replace(GOOD, run=replace(RUN, repeated=True))
    assert REPORT.charged == Money.of("0.25")
    assert Report((again,)).charged is None
    assert Report((GOOD, GOOD)).charged == Money.of("0.50")


def test_json_has_every_number_exactly() -> None:
    found = json.loads(json.dumps(report_document(REPORT)))
    assert (found["result"], found["charged"]) == ("failed", {"amount": "0.25", "currency": "USD"})
    good, bad = found["circuits"]
    assert good["before"]["cost"] == {"amount": "1.00", "currency": "USD"}
    assert good["run"]["comparison"]["p_value"] == RUN.comparison.p_value
    assert bad["checks"][0]["line"] == 3


def test_json_fits_its_schema_and_has_no_field_beyond_it() -> None:
    schema = json.loads((Path(__file__).parents[1] / "schemas" / "report.schema.json").read_text())
    closed = json.loads(json.dumps(schema), object_hook=_closed)
    found = json.loads(json.dumps(report_document(REPORT)))
    jsonschema.Draft202012Validator(closed).validate(found)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(closed).validate({**found, "new": 1})


def _closed(schema: dict[str, object]) -> dict[str, object]:
    return {**schema, "additionalProperties": False} if "required" in schema else schema


def test_junit_counts_checks_and_holds_any_text() -> None:
    root = ElementTree.fromstring(junit(REPORT))
    assert [root.get(it) for it in ("tests", "failures", "skipped")] == ["3", "1", "1"]
    assert [it.get("name") for it in root] == ["a.qasm", "b|`x`.qasm", "all circuits"]
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message", "").endswith("allowed\ufffd")


def test_sarif_fits_the_published_schema() -> None:
    schema = json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    found = json.loads(json.dumps(sarif(replace(REPORT, checks=(Check("total-cost", "failed", "too much"),)))))
    checker.validate(found)
    with pytest.raises(jsonschema.ValidationError):
        checker.validate({**found, "version": "2.0.0"})
    first, second = found["runs"][0]["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "b%7C%60x%60.qasm"
    assert place["region"] == {"startLine": 3, "startColumn": 5}
    assert "locations" not in second


def test_a_baseline_comes_back_as_it_was(tmp_path: Path) -> None:
    write_baseline(tmp_path / "b.json", [GOOD, BAD])
    assert read_baseline(tmp_path / "b.json") == {"a.qasm": PLAN}


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}', '{"version": 1, "circuits": {"a": {}}}'])
def test_what_is_no_baseline_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(InvalidInput, match="is not a baseline"):
        read_baseline(tmp_path / "b.json")
    with pytest.raises(InvalidInput, match="--write-baseline"):
        read_baseline(tmp_path / "none.json")
