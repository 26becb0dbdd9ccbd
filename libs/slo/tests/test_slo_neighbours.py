"""The test of noisy neighbours: what it finds, and how often it finds what is not there."""

from __future__ import annotations

from random import Random

import pytest

from queuebit_slo.neighbours import LIKELY, disturbance

WEEK = 168


def _active(draw: Random) -> list[bool]:
    """Hours of a tenant that works some hours at a time."""
    found = [False] * WEEK
    for _ in range(draw.randint(3, 9)):
        start, length = draw.randrange(WEEK), draw.randint(2, 9)
        for at in range(start, start + length):
            found[at % WEEK] = True
    return found


def _drifting(draw: Random) -> list[float | None]:
    """Fidelity that wanders slowly, as on real devices, with hours without a result."""
    level, found = 0.0, list[float | None]()
    for _ in range(WEEK):
        level += draw.gauss(0, 0.01) - level / 10
        found.append(None if draw.random() < 0.2 else 0.9 + level)
    return found


def test_a_drop_with_the_activity_is_found() -> None:
    draw = Random(7)
    active = _active(draw)
    fidelity = [it and it - 0.06 * busy for it, busy in zip(_drifting(draw), active, strict=True)]
    found = disturbance(fidelity, active)
    assert found is not None
    assert found.is_incident
    assert found.drop == pytest.approx(0.06, abs=0.02)
    assert disturbance(fidelity, [not it for it in active]) is not None
    assert not disturbance(fidelity, [not it for it in active]).is_incident  # type: ignore[union-attr]


def test_independent_tenants_are_found_as_often_as_the_chance_says() -> None:
    """Of 400 weeks, at most 2 % have a chance below 1 %: three standard deviations of a share of 1 %."""
    chances = [
        found.chance
        for seed in range(400)
        if (found := disturbance(_drifting(draw := Random(seed)), _active(draw))) is not None
    ]
    assert len(chances) > 390
    assert sum(it < LIKELY for it in chances) / len(chances) <= 0.025


def test_too_few_hours_of_one_kind_are_not_compared() -> None:
    assert disturbance([0.9] * 10, [True] * 8 + [False] * 2) is None
    assert disturbance([None] * 10, [True] * 5 + [False] * 5) is None
    assert disturbance([], []) is None
    with pytest.raises(ValueError, match="do not belong together"):
        disturbance([0.9], [])
