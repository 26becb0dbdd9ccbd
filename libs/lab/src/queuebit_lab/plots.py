"""Plots of a comparison, as PNG."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from queuebit_lab.comparison import Comparison
from queuebit_lab.front import Point

__all__ = ["draw"]

_SIZE = (7.2, 4.5)
_MARKERS = "os^Dv<>PX*"
"""Hollow and of several forms, so that policies at the same point are all seen."""
_LONGER, _BETTER = 1.05, 1.15
"""Of least busy: the completion and the fidelity that are asked of the policy."""
_METADATA = {"Software": None}
"""No version of the library, so that equal plots are equal files."""


def draw(it: Comparison, folder: Path) -> list[Path]:
    """Write the plots of a comparison into a folder, and return their files."""
    mpl.use("agg")
    drawn = {"tradeoff": _tradeoff(it), "completion": _completion(it)}
    if it.measures[0].fairness is not None:
        drawn["fairness"] = _fairness(it)
    found = []
    for name, figure in drawn.items():
        found.append(folder / f"{it.scenario.name}-{name}.png")
        figure.savefig(found[-1], dpi=110, metadata=_METADATA)
    return found


def _tradeoff(it: Comparison) -> Figure:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    for points, label, style in (
        (it.reachable, "front with the forecast", "-"),
        (it.limit, "front with true waits", ":"),
    ):
        _line(axes, points, label, style)
    _asked(axes, it)
    for found, marker in zip(it.measures, itertools.cycle(_MARKERS), strict=False):
        x, y = [found.completion_mean_s / 60], [found.fidelity_mean]
        axes.plot(x, y, marker, label=found.policy, markerfacecolor="none", markeredgewidth=1.8)
    axes.set(xlabel="mean completion, minutes", ylabel="mean fidelity (ESP)", title=_title(it))
    _minutes(axes)
    figure.legend(loc="outside right center", fontsize="small")
    axes.grid(visible=True, alpha=0.3)
    return figure


def _asked(axes: Any, it: Comparison) -> None:  # matplotlib has no types here
    """Mark what is asked of the policy against least busy: where neither front reaches, no placement does."""
    busy = next((found for found in it.measures if found.policy == "least busy"), None)
    if busy is None or not it.reachable:
        return
    right, low = busy.completion_mean_s / 60 * _LONGER, busy.fidelity_mean * _BETTER
    left, top = axes.get_xlim()[0], max(point.fidelity_mean for point in (*it.reachable, *it.limit))
    axes.fill_between([left, right], low, top, color="tab:green", alpha=0.15, label="asked against least busy")


def _line(axes: Any, points: Sequence[Point], label: str, style: str) -> None:  # matplotlib has no types here
    if points:
        x, y = [p.completion_mean_s / 60 for p in points], [p.fidelity_mean for p in points]
        axes.plot(x, y, style, color="grey", label=label)


def _minutes(axes: Any) -> None:  # matplotlib has no types here
    """Scale the axis of time by its logarithm, with plain numbers beside it."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _completion(it: Comparison) -> Figure:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    for found in it.outcomes:
        minutes = sorted((run.ended_us - run.work.arrived_us) / 6e7 for run in found.runs)
        axes.plot(minutes, [(number + 1) / len(minutes) for number in range(len(minutes))], label=found.policy)
    axes.set(xlabel="completion, minutes", ylabel="share of jobs", title=_title(it))
    _minutes(axes)
    axes.legend(fontsize="small")
    axes.grid(visible=True, alpha=0.3)
    return figure


def _fairness(it: Comparison) -> Figure:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    fair = [(found.policy, found.fairness) for found in it.measures if found.fairness is not None]
    tenants = [*fair[0][1].entitled]
    rows = [("entitled", [fair[0][1].entitled[name] for name in tenants])]
    rows += [(policy, [found.shares[name] for name in tenants]) for policy, found in fair]
    width = 0.8 / len(rows)
    for number, (label, values) in enumerate(rows):
        axes.bar([place + number * width for place in range(len(tenants))], values, width, label=label)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(tenants))], tenants)
    axes.set(ylabel="share of device time", title=_title(it))
    axes.legend(fontsize="small")
    return figure


def _title(it: Comparison) -> str:
    jobs, hours = it.measures[0].jobs, (it.scenario.ends_us - it.scenario.begins_us) // 3_600_000_000
    return f"{it.scenario.name}: {jobs:,} jobs in {hours} hours on {len(it.scenario.machines)} machines"
