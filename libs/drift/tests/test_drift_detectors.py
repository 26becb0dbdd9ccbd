"""Laws of all detectors, and each beside a result that others published or computed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from queuebit_drift import DETECTORS, BadSample, BadSetting, BadState, Bayesian, Cusum, Detector, PageHinkley, restored

_START = datetime(2026, 11, 2, tzinfo=UTC)
_names = st.sampled_from(sorted(DETECTORS))
_samples = st.lists(st.floats(-1e6, 1e6), max_size=60)


def _at(number: int) -> datetime:
    return _START + timedelta(minutes=20 * number)


def _after_json(detector: Detector) -> Detector:
    return restored(json.loads(json.dumps(dict(detector.state()))))


class DetectorLaws:
    """What every detector promises; the laws over drawn samples are below."""

    name: str

    def test_it_is_a_detector(self) -> None:
        assert isinstance(DETECTORS[self.name](), Detector)
        assert _after_json(DETECTORS[self.name]()).state() == DETECTORS[self.name]().state()

    @pytest.mark.parametrize("shift", [-2.0, 2.0])
    def test_a_sustained_shift_is_found_with_its_beginning_and_size(self, shift: float) -> None:
        draw, begins, errors, sizes = Random(3), 100, [], []
        for _ in range(40):
            detector = DETECTORS[self.name]()
            found = None
            for number in range(begins + 100):
                z = draw.gauss(shift if number >= begins else 0, 1)
                if found := detector.update(z, _at(number)):
                    break
            assert found
            assert found.at > _at(begins)
            assert found.direction == ("up" if shift > 0 else "down")
            errors.append((found.since - _at(begins)) / timedelta(minutes=20))
            sizes.append(found.size)
        assert abs(sorted(errors)[20]) <= 1, "the median of the estimated beginnings is within a job of the true one"
        assert fmean(sizes) == pytest.approx(shift, abs=0.5)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_what_is_no_number_is_refused_and_changes_nothing(self, value: float) -> None:
        detector = DETECTORS[self.name]()
        detector.update(1.0, _at(0))
        before = json.dumps(dict(detector.state()))
        with pytest.raises(BadSample):
            detector.update(value, _at(1))
        assert json.dumps(dict(detector.state())) == before


class TestCusum(DetectorLaws):
    name = "cusum"


class TestPageHinkley(DetectorLaws):
    name = "page-hinkley"


class TestBayesian(DetectorLaws):
    name = "bayesian"


def test_every_detector_has_the_laws() -> None:
    assert {it.name for it in DetectorLaws.__subclasses__()} == {*DETECTORS}


@given(_names, _samples, st.integers(0, 60), st.floats(-4, 4))
def test_a_restart_changes_nothing(name: str, samples: list[float], stop: int, shift: float) -> None:
    one, other = DETECTORS[name](), DETECTORS[name]()
    continued: Detector = other
    for number, z in enumerate([*samples, *[shift] * 40]):
        if number == stop:
            continued = _after_json(other)
        assert one.update(z, _at(number)) == continued.update(z, _at(number))
        assert one.state() == continued.state()


@given(_names, st.lists(st.floats(-0.5, 0.5), min_size=30, max_size=100), st.floats(3, 1e9), st.integers(0, 99))
def test_one_job_is_no_change_however_far_it_is(name: str, samples: list[float], far: float, where: int) -> None:
    detector = DETECTORS[name]()
    samples.insert(where % len(samples), far)
    assert [detector.update(z, _at(number)) for number, z in enumerate(samples)] == [None] * len(samples)


@given(_names, _samples)
def test_up_and_down_are_alike(name: str, samples: list[float]) -> None:
    one, other = DETECTORS[name](), DETECTORS[name]()
    for number, z in enumerate([*samples, *[3.0] * 40]):
        found, opposite = one.update(z, _at(number)), other.update(-z, _at(number))
        if name == "page-hinkley":  # the sides of River's test start at different values
            continue
        assert (found is None) == (opposite is None)
        if found and opposite:
            assert found.since == opposite.since
            assert found.size == pytest.approx(-opposite.size)
            assert {found.direction, opposite.direction} == {"up", "down"}


def test_settings_that_find_nothing_or_everything_are_refused() -> None:
    for made in (
        lambda: Cusum(allowance=3.0, clip=3.0),
        lambda: Cusum(threshold=2.0, clip=3.0),
        lambda: PageHinkley(memory=0.0),
        lambda: Bayesian(hazard=0.0),
    ):
        with pytest.raises(BadSetting):
            made()


@pytest.mark.parametrize("state", [{}, {"detector": "adwin"}, {"detector": "cusum", "allowance": "x"}])
def test_a_state_of_another_program_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(BadState):
        restored(state)


@pytest.mark.parametrize(
    ("threshold", "shift", "published"),
    [(4, 0.0, 168), (4, 0.5, 26.6), (4, 1.0, 8.38), (4, 2.0, 3.34), (5, 0.5, 38.0), (5, 1.0, 10.4), (5, 2.0, 4.01)],
)
def test_cusum_has_the_run_lengths_that_are_published(threshold: float, shift: float, published: float) -> None:
    """Montgomery, Introduction to Statistical Quality Control, 6th edition, table 9.3: two-sided, allowance 1/2."""
    draw, lengths = Random(11), []
    for _ in range(600):
        detector, length = Cusum(0.5, threshold, clip=4.49), 1
        while not detector.update(draw.gauss(shift, 1), _START):
            length += 1
        lengths.append(length)
    error = np.std(lengths) / 600**0.5
    assert fmean(lengths) == pytest.approx(published, abs=4 * error + 0.01 * published), "the clip adds less than 1 %"


def test_page_hinkley_finds_what_river_finds() -> None:
    """Recorded: River brings 150 MB of packages (docs/drift.md)."""
    recorded = json.loads((Path(__file__).parent / "recorded" / "river_page_hinkley.json").read_text())
    for case in recorded["cases"]:
        detector = PageHinkley(case["tolerance"], case["threshold"], clip=10.0 - 1e-9, least=case["least"])
        found = [number for number, z in enumerate(case["samples"]) if detector.update(z, _at(number))]
        assert found == case["found"]
    assert sum(len(case["found"]) for case in recorded["cases"]) == 5


@settings(max_examples=20)
@given(st.lists(st.floats(-2.9, 2.9), min_size=1, max_size=6), st.floats(0.01, 0.5), st.floats(0.3, 3))
def test_the_posterior_is_the_sum_over_all_histories(samples: list[float], hazard: float, spread: float) -> None:
    """Enumerates where the mean may have changed; the density of a segment is SciPy's multivariate normal."""
    changed = unchanged = 0.0
    for marks in product((False, True), repeat=len(samples)):
        weight, segments = 1.0, [list[float]()]
        for z, mark in zip(samples, marks, strict=True):
            weight *= hazard if mark else 1 - hazard
            segments = [*segments, [z]] if mark else [*segments[:-1], [*segments[-1], z]]
        for number, segment in enumerate(segments):
            if segment:
                size = len(segment)
                covariance = np.eye(size) + (spread**2 if number else 0) * np.ones((size, size))
                weight *= float(multivariate_normal(np.zeros(size), covariance).pdf(segment))
        if any(marks):
            changed += weight
        else:
            unchanged += weight
    detector = Bayesian(hazard, spread, threshold=1e9)
    for number, z in enumerate(samples):
        detector.update(z, _at(number))
    assert detector.score == pytest.approx(np.log(changed / unchanged), abs=1e-3)
