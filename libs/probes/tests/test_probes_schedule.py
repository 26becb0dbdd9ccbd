"""What is due: the same in every process, and once for each slot."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from queuebit_contracts.probe_documents import Probes
from queuebit_contracts.wire import NAME
from queuebit_probes.document import EXAMPLE, parse_probes
from queuebit_probes.schedule import due

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
BACKENDS = ("aer", "emulated-ibm-perth", "ibm-torino")
DOCUMENT = parse_probes(EXAMPLE)
HOURLY = Probes.model_validate({"probe": {it: {"circuit": it, "backends": ["*"]} for it in ("ghz", "mirror")}})


def test_the_example_is_valid_and_runs_on_no_quantum_computer() -> None:
    found = due(DOCUMENT, BACKENDS, {}, NOON)
    assert [(it.probe, it.backend) for it in found] == [
        ("emulated", "emulated-ibm-perth"), ("simulators", "aer"),
    ]  # fmt: skip


def test_a_day_has_a_run_each_hour_whenever_processes_start() -> None:
    """Two processes that look at their own times, and that know each other's findings late, do each slot once."""
    runs, newest = Counter[str](), dict[tuple[str, str], int]()
    for minute in range(24 * 60):
        for it in due(HOURLY, BACKENDS[:2], newest, NOON + timedelta(minutes=minute)):
            runs[f"{it.backend}/{it.run}"] += 1
            if minute % 3:  # the finding is not known at once
                newest[it.probe, it.backend] = it.slot
    slots = {name.rpartition("-")[0] for name in runs}
    assert len(slots) == 4
    assert 4 * 24 <= len(runs) <= 4 * 25
    assert max(runs.values()) <= 2


def test_runs_are_spread_over_the_hour() -> None:
    document = Probes.model_validate({"probe": {f"p{it}": {"circuit": "ghz", "backends": ["aer"]} for it in range(50)}})
    known = {(it.probe, it.backend): it.slot for it in due(document, ["aer"], {}, NOON)}
    quarters = [len(due(document, ["aer"], known, NOON + timedelta(minutes=minutes))) for minutes in (15, 30, 45, 60)]
    assert quarters == sorted(quarters)
    assert 3 <= quarters[0] <= 25
    assert quarters[-1] == 50


def test_a_probe_that_becomes_rarer_runs_again_within_its_new_time() -> None:
    def at(minutes: int) -> Probes:
        return Probes.model_validate({"probe": {"a": {"circuit": "ghz", "backends": ["*"], "every_minutes": minutes}}})

    (often,) = due(at(5), ["aer"], {}, NOON)
    newest = {("a", "aer"): often.slot}
    runs = [due(at(60), ["aer"], newest, NOON + timedelta(minutes=it)) for it in (0, 60, 120)]
    assert all(runs)


def test_a_clock_that_was_a_year_ahead_stops_no_probe() -> None:
    newest = {(it.probe, it.backend): it.slot for it in due(HOURLY, ["aer"], {}, NOON + timedelta(days=365))}
    found = due(HOURLY, ["aer"], newest, NOON)
    assert {it.probe for it in found} == {"ghz", "mirror"}
    assert not due(HOURLY, ["aer"], {(it.probe, it.backend): it.slot for it in found}, NOON)


def test_what_has_not_run_for_longest_is_first() -> None:
    (ghz, mirror) = due(HOURLY, ["aer"], {}, NOON)
    newest = {("ghz", "aer"): ghz.slot - 3600, ("mirror", "aer"): mirror.slot - 7200}
    assert [it.probe for it in due(HOURLY, ["aer"], newest, NOON)] == ["mirror", "ghz"]
    del newest["ghz", "aer"]
    assert [it.probe for it in due(HOURLY, ["aer"], newest, NOON)] == ["ghz", "mirror"]


def test_a_run_has_one_name_among_those_of_its_backend() -> None:
    document = Probes.model_validate(
        {"probe": {name: {"circuit": "ghz", "backends": ["*"]} for name in ("a", "a-1", "a-1-2")}}
    )
    names = [it.run for it in due(document, ["aer"], {}, NOON)]
    assert len({*names}) == 3


def test_the_run_of_the_longest_name_is_a_name() -> None:
    document = Probes.model_validate({"probe": {"a" * 40: {"circuit": "ghz", "backends": ["*"]}}})
    (it,) = due(document, ["aer"], {}, datetime(9999, 1, 1, tzinfo=UTC))
    assert re.fullmatch(NAME, it.run)


def test_the_backend_that_is_right_is_no_subject_of_the_probe() -> None:
    probes = {"own": {"file": "x.qasm", "against": "aer", "backends": ["*"]}}
    assert [it.backend for it in due(Probes.model_validate({"probe": probes}), BACKENDS, {}, NOON)] == [*BACKENDS[1:]]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[probe.a]\ncircuit = "ghz"\n', "probe.a.backends"),
        ('[probe.a]\ncircuit = "ghz"\nbackends = ["*"]\nfloor = 2\n', "probe.a.floor"),
        ("at_once = 0\n", "at_once"),
        (f'[probe.{"a" * 41}]\ncircuit = "ghz"\nbackends = ["*"]\n', "at most 40"),
        ("[probe", "Expected"),
    ],
)
def test_a_wrong_document_names_the_place(text: str, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        parse_probes(text)
