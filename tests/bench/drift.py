"""Drift: operating curves of the detectors, real calibrations, the cost of a sample. Section `drift` of `make bench`.

`python -m tests.bench.drift` computes the tables of docs/drift.md and the picture docs/images/drift.svg: minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from math import log10
from pathlib import Path
from random import Random
from statistics import median

from tests.bench.anomaly_kernel import compared
from tests.bench.operating import DETECTORS, JOBS, Point, default_setting, history, points
from tests.bench.perth import perth
from tests.bench.report import Report

from queuebit_drift import CALIBRATIONS, QUALITY, Monitor, Stream, calibrations

__all__ = ["COUPLERS", "WEEK", "measure_drift", "perth_alarms", "perth_delays"]

COUPLERS = ("0-1", "1-2", "1-3", "3-5", "4-5", "5-6")
WEEK = 7
"""Calibrations of a week."""


def measure_drift(report: Report, scale: float) -> None:
    """A tenth of the histories of the documents, or less."""
    for what, figure in default_setting(round(1000 * scale), round(500 * scale)):
        report.add(what, figure, "floor: 0 false alarms" if "without" in what else "")
    report.add("a sample of a stream, default setting", f"{_microseconds():.1f} us")
    delays = [it for factor in (2.0, 3.0) for it in [perth_delays(factor)]]
    for factor, found in zip((2, 3), delays, strict=True):
        within = sum(it is not None and it <= WEEK for it in found)
        report.add(f"ibm_perth, an error times {factor}, found within a week", f"{within} of {len(found)}")
    for name, found_area in compared(max(5, round(30 * scale))).items():
        report.add(f"windows after a change of 1 sigma: {name}", f"area {found_area:.3f}")
    for name in DETECTORS:
        for it in points(name, round(100 * scale), round(50 * scale)):
            report.add(f"{name}, threshold {it.threshold:g}", _figures(it))


def _microseconds() -> float:
    samples = [*history(Random(1))]
    began = time.process_time()
    for _ in range(5):
        monitor = Monitor(Stream("quality", "device"), QUALITY)
        for it in samples:
            monitor.update(it)
    return (time.process_time() - began) / 5 / len(samples) * 1e6


def perth_delays(factor: float) -> list[int | None]:
    """How many calibrations after a coupler's error was multiplied it is found: each coupler, from each fifth day on.

    Left out are days at which the monitor still learns, or reports drift of the real data already.
    """
    found: list[int | None] = []
    for coupler in COUPLERS:
        for day in range(25, 110, 5):
            stream = Stream("two_qubit_error", "ibm_perth", part="q" + coupler.replace("-", "-q"))
            samples = calibrations(perth(coupler, factor, day))[stream]
            monitor = Monitor(stream, CALIBRATIONS)
            for it in samples[:day]:
                monitor.update(it)
            if monitor.reference is None or monitor.drift:
                continue
            later = enumerate(samples[day:], 1)
            found.append(next((number for number, it in later if (at := monitor.update(it)) and at.drifts), None))
    return found


def perth_alarms() -> list[str]:
    """What is found in the real calibrations, as rows of a table."""
    rows = []
    for stream, samples in calibrations(perth()).items():
        monitor = Monitor(stream, CALIBRATIONS)
        for it in samples:
            found = monitor.update(it)
            if found and found.drifts:
                times = 2.718281828 ** (found.after - found.before)
                since, at = found.change.since, found.change.at
                rows.append(f"| `{stream.measure}` | {stream.part} | {since:%Y-%m-%d} | {at:%m-%d} | {times:.1f} |")
    return sorted(rows, key=lambda it: it.split("|")[3])


def _figures(point: Point) -> str:
    delays = ", ".join(
        f"{shift:g} sigma: {'-' if middle is None else f'{middle:g} jobs'} ({missed} of {looked} not found)"
        for shift, middle, missed, looked in point.delays
    )
    return f"{point.false_alarms} of {point.nulls}; {delays}"


def _table(found: Sequence[Point]) -> list[str]:
    rows = [
        "| detector | threshold | false alarms in 1,000 | delay 1 sigma | not found | delay 2 sigma | not found |",
        "|---|---|---|---|---|---|---|",
    ]
    for it in found:
        cells = [f"{'-' if middle is None else f'{middle:g}'} | {missed / max(looked, 1):.1%}"
                 for _, middle, missed, looked in it.delays]  # fmt: skip
        rows.append(f"| {it.detector} | {it.threshold:g} | {it.false_alarms} | {' | '.join(cells)} |")
    return rows


_COLOURS = ("#0b63ce", "#5aa9e6", "#b3541e", "#4c8c4a")
_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 20, 560, 300


def _picture(found: Sequence[Point]) -> str:
    """Delay at one standard deviation over false alarms: nearer to the lower left corner is better."""
    shapes = []
    for alarms in (0, 1, 10, 100, 1000):
        x = _x(alarms)
        shapes.append(f'<path d="M{x:.0f} {_TOP}v{_HEIGHT}" stroke="#ddd"/>')
        shapes.append(f'<text x="{x:.0f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{alarms}</text>')
    for delay in (0, 25, 50, 75, 100):
        y = _y(delay)
        shapes.append(f'<path d="M{_LEFT} {y:.0f}h{_WIDTH}" stroke="#ddd"/>')
        shapes.append(f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{delay}</text>')
    for number, (name, colour) in enumerate(zip(DETECTORS, _COLOURS, strict=True)):
        places = [(_x(it.false_alarms * 1000 / it.nulls), _y(it.delays[0][1])) for it in found
                  if it.detector == name and it.delays[0][1] is not None and it.delays[0][1] <= 100]  # fmt: skip
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        shapes.append(f'<text x="{_LEFT + 340}" y="{_TOP + 24 + 18 * number}" fill="{colour}">{name}</text>')
    middle = _LEFT + _WIDTH / 2
    shapes.append(f'<text x="{middle:.0f}" y="{_TOP + _HEIGHT + 38}" text-anchor="middle">'
                  "false alarms in 1,000 histories of 7 days</text>")  # fmt: skip
    shapes.append(f'<text transform="translate(14 {_TOP + _HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">'
                  "median delay at 1 sigma, jobs</text>")  # fmt: skip
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {_TOP + _HEIGHT + 50}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _x(alarms: float) -> float:
    """0 has a place of its own; from 1 on the scale is logarithmic."""
    return _LEFT + _WIDTH * (0.03 if alarms < 1 else 0.14 + 0.84 * log10(alarms) / 3)


def _y(delay: float | None) -> float:
    return _TOP + _HEIGHT * (1 - (delay or 0) / 100)


def main() -> None:
    """Print the tables, and write the picture."""
    found = [it for name in DETECTORS for it in points(name, 1000, 500)]
    lines = [*_table(found), "", *(f"{what}: {figure}" for what, figure in default_setting(1000, 500))]
    for factor in (1.5, 2.0, 3.0):
        delays = perth_delays(factor)
        known = [it for it in delays if it is not None]
        within = sum(it <= WEEK for it in known)
        lines.append(f"perth x{factor}: {within} of {len(delays)} in a week, median {median(known):g}, jobs {JOBS}")
    sys.stdout.write("\n".join([*lines, *perth_alarms()]) + "\n")
    (Path(__file__).parents[2] / "docs" / "images" / "drift.svg").write_text(_picture(found))


if __name__ == "__main__":
    main()
