"""Game days without a stack: their list, their score, and what they write."""

from __future__ import annotations

import ast
import importlib.util
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import entry_points
from inspect import getmodule
from pathlib import Path

import pytest

from queuebit_gameday.catalog import DAYS
from queuebit_gameday.days.billing_difference import bill
from queuebit_gameday.days.silent_degradation import install
from queuebit_gameday.score import Check, Score
from queuebit_gameday.scratch import shipped_objectives
from queuebit_gameday.vendor import DEVICE, Vendor
from queuebit_gameday.vendor import install as vendor_plugin
from queuebit_kernel import FixedClock
from queuebit_slo import parse

ROOT = Path(__file__).parents[3]
STAGES = ("detection", "containment", "repair")


def score() -> tuple[Score, list[Check]]:
    clock, seen = FixedClock(), list[Check]()
    return Score(clock, clock.advance, seen.append), seen


@pytest.mark.parametrize("name", DAYS)
def test_each_day_has_a_runbook_and_all_stages(name: str) -> None:
    day = DAYS[name]
    assert (ROOT / day.runbook).is_file()
    module = getmodule(day.play)
    assert module is not None
    source = Path(str(module.__file__)).read_text()
    said = {it.value for it in ast.walk(ast.parse(source)) if isinstance(it, ast.Constant)}
    assert said >= {*STAGES}, "detected, contained and repaired"
    assert "injected" in source


@pytest.mark.parametrize("name", DAYS)
def test_the_objectives_of_each_day_are_those_of_this_version(name: str) -> None:
    found = parse(shipped_objectives(DAYS[name].objectives), "gameday.yaml")
    assert {it.name for it in found} == {*DAYS[name].objectives}


def test_an_objective_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no objective none"):
        shipped_objectives(["none"])


def test_a_score_measures_from_the_fault() -> None:
    it, seen = score()
    assert it.check("before", "it works", passed=True)
    it.clock.advance(100)  # type: ignore[attr-defined]
    it.injected()
    looks = iter([None, None, "an alert", "ready"])
    assert it.wait("detection", "it is found", lambda: next(looks), 60)
    assert it.wait("repair", "it is well", lambda: next(looks), 60)
    assert [check.took_s for check in seen] == [None, 2, 2]
    assert (it.took("detection"), it.took("containment"), it.passed) == (2, None, True)


def test_what_is_not_seen_in_time_did_not_pass_and_ends_nothing() -> None:
    it, seen = score()
    it.injected()
    assert not it.wait("detection", "it is found", lambda: None, 30)
    assert it.check("containment", "others work", passed=True)
    assert (seen[0].found, seen[0].took_s, it.passed) == ("not seen", 30, False)
    assert it.took("detection") is None


def test_a_day_without_a_check_did_not_pass() -> None:
    assert not score()[0].passed


def test_the_device_is_a_package_of_one_version_that_changes_at_its_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, moment in (("1.0", datetime(9999, 1, 1, tzinfo=UTC)), ("1.1", datetime(2026, 1, 1, tzinfo=UTC))):
        install(tmp_path, version, moment)
    assert {it.name for it in tmp_path.iterdir()} == {
        "queuebit_gameday_device.py", "queuebit_gameday_device-1.1.dist-info",
    }  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = (it for it in entry_points(group="queuebit.backends") if it.name == "gameday")
    assert found.value == "queuebit_gameday_device:stack"
    spec = importlib.util.spec_from_file_location("queuebit_gameday_device", tmp_path / "queuebit_gameday_device.py")
    assert spec is not None
    assert spec.loader is not None
    compile(Path(str(spec.origin)).read_text(), str(spec.origin), "exec")
    assert "2026-01-01" in Path(str(spec.origin)).read_text()


def test_the_vendor_runs_a_token_once_and_its_second_shape_has_other_names() -> None:
    vendor = Vendor()
    asked = [{"shots": 100, "registers": [2]}]
    first = vendor.submitted("t1", asked)
    assert vendor.submitted("t1", asked) == first == vendor.shown("/tokens/t1") == vendor.shown("/jobs/gd-1")
    assert (vendor.shown("/tokens/t2"), vendor.shown("/jobs/gd-2")) == (None, None)
    assert isinstance(first, dict)
    assert sum(first["results"][0]["counts"].values()) == 100
    assert {*first["results"][0]["counts"]} <= {"0", "3"}, "a Bell pair"
    vendor.shape = "2"
    changed = vendor.shown("/jobs/gd-1")
    assert isinstance(changed, dict)
    assert changed == {"job": {"identifier": "gd-1", **{name: it for name, it in first.items() if name != "id"}}}


def test_noise_of_the_vendor_is_a_share_of_the_shots() -> None:
    vendor = Vendor(noise=lambda: 1.0)
    job = vendor.submitted("t1", [{"shots": 4000, "registers": [2]}])
    assert isinstance(job, dict)
    counts = job["results"][0]["counts"]
    assert all(800 < counts[it] < 1200 for it in "0123"), "six standard deviations"


def test_the_plugin_of_the_vendor_is_a_package_that_knows_one_shape(tmp_path: Path) -> None:
    for version, shape in (("1.0", "1"), ("2.0", "2")):
        vendor_plugin(tmp_path, version, shape)
    assert {it.name for it in tmp_path.iterdir()} == {
        "queuebit_gameday_vendor.py", "queuebit_gameday_vendor-2.0.dist-info",
    }  # fmt: skip
    text = (tmp_path / "queuebit_gameday_vendor.py").read_text()
    compile(text, "queuebit_gameday_vendor.py", "exec")
    assert f'ID, SHAPE = "{DEVICE}", "2"' in text


def test_a_bill_adds_up_and_its_first_line_is_too_high() -> None:
    charges = [{"handle": "gd-1", "amount": "2.00"}, {"handle": "gd-2", "amount": "2.00"}]
    right, wrong = bill(charges), bill(charges, too_much=Decimal("0.5"))
    for it, amounts in ((right, [2.0, 2.0]), (wrong, [2.5, 2.0])):
        (day,) = it["usage_data"]
        assert [line["amount"] for line in day["group_usages"]] == amounts
        assert it["amount_total"] == day["amount"] == sum(amounts)
        assert day["time_us"] == sum(line["time_us"] for line in day["group_usages"])
