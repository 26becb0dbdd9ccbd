"""When a device is calibrated next by rule, and where its calendar has a place for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_isolation import CalibrationRule, FleetDocument, Period, next_due, parse_fleet, place

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAILY = CalibrationRule(every_h=24)


def at(hours: float) -> datetime:
    return NOON + hours * HOUR


@pytest.mark.parametrize(
    ("rule", "last", "due"),
    [
        (DAILY, at(0), at(24)),
        (CalibrationRule(every_h=6), at(0) + timedelta(seconds=5), at(6) + timedelta(minutes=1)),
        (CalibrationRule(every_h=24, at="04:00"), at(16), at(40)),
        (CalibrationRule(every_h=24, at="04:00"), at(19), at(40)),
        (CalibrationRule(every_h=24, at="04:00"), at(10), at(40)),
        (CalibrationRule(every_h=168, at="23:30"), at(0), at(168 + 11.5)),
        (CalibrationRule(every_h=168, at="00:30"), at(0), at(168 - 11.5)),
    ],
)
def test_it_is_due_after_the_last_one_at_the_nearest_wished_time(
    rule: CalibrationRule, last: datetime, due: datetime
) -> None:
    assert next_due(rule, last) == due


@pytest.mark.parametrize(
    ("taken", "start"),
    [
        ([], 24),
        ([(24, 26)], 24 - 1 / 3),
        ([(20, 24.1), (24.2, 25)], 25),
        ([(18, 24.1), (24.2, 29)], 29),
        ([(10, 40)], None),
        ([(17, 24), (24.5, 40)], 24),
    ],
    ids=["free", "a reservation behind", "between two", "moved far", "none fits", "just enough"],
)
def test_it_is_moved_no_further_than_needed(taken: list[tuple[float, float]], start: float | None) -> None:
    periods = [Period(at(a), at(b)) for a, b in taken]
    found = place(DAILY, at(24), at(0), periods)
    assert (found and round((found - NOON) / HOUR, 6)) == (start and round(start, 6))


def test_what_is_overdue_begins_soon_or_at_the_next_wished_time() -> None:
    assert place(DAILY, at(-50), at(1), []) == at(1)
    assert place(DAILY, at(-50), at(1), [Period(at(0), at(3))]) == at(3)
    assert place(CalibrationRule(every_h=24, at="04:00"), at(-50), at(1), []) == at(16)


@given(
    slots=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8),
    due=st.integers(-10, 60),
    earliest=st.integers(0, 40),
    within=st.integers(0, 12),
)
def test_no_place_that_is_nearer_is_free(slots: list[tuple[int, int]], due: int, earliest: int, within: int) -> None:
    rule = CalibrationRule(every_h=24, minutes=60, within_h=within)
    taken = [Period(at(start), at(start + length)) for start, length in slots]
    wished = max(due, earliest)
    free = [
        abs(it - wished)
        for it in range(max(wished - within, earliest), wished + within + 1)
        if not any(one.overlaps(at(it), at(it + 1)) for one in taken)
    ]
    found = place(rule, at(due), at(earliest), taken)
    assert (None if found is None else abs(found - at(wished)) / HOUR) == min(free, default=None)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("every_h = 0", "greater than or equal to 1"),
        ('every_h = 12\nat = "04:00"', "`at` is one time a day"),
        ('every_h = 24\nat = "4 am"', "match"),
        ("every_h = 24\nwithin_h = 13", "at most half of every_h"),
        ("every_h = 1\nminutes = 40", "jobs need time"),
        ("minutes = 20", "every_h: field required"),
        ("every_h = 24\nhour = 4", "hour: extra inputs"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_place(table: str, text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        parse_fleet(f'[calibration."lab-*"]\n{table}\n')
    assert "calibration.lab-*" in str(caught.value)


def test_the_name_counts_and_then_the_longest_pattern() -> None:
    rules = {name: CalibrationRule(every_h=hours) for name, hours in (("*", 24), ("lab-*", 48), ("lab-1", 72))}
    document = FleetDocument(calibration=rules)
    found = [it and it.every_h for it in map(document.calibration_of, ("lab-1", "lab-2", "other"))]
    assert found == [72, 48, 24]
    assert FleetDocument().calibration_of("other") is None
