"""Turns OpenSLO documents into objectives, and finds what contradicts, is unknown, or could never be evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from fractions import Fraction
from typing import Final

from queuebit_contracts.indicators import INDICATORS, bounds, kept
from queuebit_contracts.openslo import (
    ALERT,
    ALERTS,
    BY,
    MINIMUM,
    OWNER,
    RUNBOOK,
    SLO,
    Objectives,
    QuerySpec,
    SLISpec,
    Target,
)
from queuebit_documents.errors import Path
from queuebit_slo.alerts import alerts_of
from queuebit_slo.model import DIMENSIONS, Objective
from queuebit_slo.model import MINIMUM as DEFAULT_MINIMUM
from queuebit_slo.times import duration, shorthand

__all__ = ["Compiled", "compiled"]

_SHORTEST: Final = timedelta(hours=1)

_ANNOTATIONS = (BY, MINIMUM, RUNBOOK, ALERTS)

_Fault = tuple[Path, str]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Objectives, and what is wrong with the documents; those with a fault are left out."""

    objectives: tuple[Objective, ...]
    faults: tuple[_Fault, ...]


def compiled(them: Objectives) -> Compiled:
    """Compile documents."""
    found: list[Objective] = []
    faults = [*_references(them)]
    for name, document in them.slo.items():
        one = _Compiler(them, name, document)
        objective = one.objective()
        faults += one.faults
        if not one.faults and objective is not None:
            found.append(objective)
    return Compiled(tuple(found), (*faults, *_contradictions(found)))


def _references(them: Objectives) -> Iterator[_Fault]:
    for name, policy in them.alert_policy.items():
        reference = policy.spec.conditions[0].condition_ref
        if reference is not None and reference not in them.alert_condition:
            path = ("AlertPolicy", name, "spec", "conditions", 0, "conditionRef")
            yield path, _unknown("AlertCondition", reference, them.alert_condition)
        for at, target in enumerate(policy.spec.notification_targets):
            if target.target_ref not in them.alert_notification_target:
                path = ("AlertPolicy", name, "spec", "notificationTargets", at, "targetRef")
                yield path, _unknown("AlertNotificationTarget", target.target_ref, them.alert_notification_target)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, [*known], 1)
    others = ", ".join(known)
    if near:
        hint = f"did you mean {near[0]}?"
    else:
        hint = f"use one of {others}" if others else f"add a document of the kind {what} with this name"
    return f"{what} {name} is not there: {hint}"


def _contradictions(found: Iterable[Objective]) -> Iterator[_Fault]:
    first: dict[tuple[object, ...], Objective] = {}
    for it in found:
        chosen = (tuple(sorted(it.where.items())), tuple(sorted(it.unless.items())))
        cases = (it.indicator, it.threshold_ms, *chosen, it.by, it.window)
        other = first.setdefault(cases, it)
        if other is not it:
            targets = f"{float(other.target):g} there and {float(it.target):g} here"
            why = "twice" if other.target == it.target else f"with two targets ({targets})"
            yield ("SLO", it.name), f"SLO {it.name} promises the same as SLO {other.name}, {why}: keep one of the two"


@dataclass(slots=True)
class _Compiler:
    """Of one SLO; collects faults."""

    them: Objectives
    name: str
    document: SLO
    faults: list[_Fault] = field(default_factory=list)

    def objective(self) -> Objective | None:
        spec, metadata = self.document.spec, self.document.metadata
        if spec.service not in self.them.service:
            self._fault(_unknown("Service", spec.service, self.them.service), "spec", "service")
        self._annotations()
        asked = self._query()
        target, window = self._target(spec.objectives[0]), self._window(asked)
        if asked is None or target is None or window is None:
            return None
        by = self._by(asked)
        alerts, wrong = alerts_of(self.document, self.them, target, window)
        for path, what in wrong:
            self._fault(what, *path)
        return Objective(
            self.name,
            spec.description or metadata.display_name or self.name,
            spec.service,
            asked.indicator,
            target,
            window,
            self._threshold(asked, spec.objectives[0]),
            dict(asked.where),
            dict(asked.unless),
            by,
            alerts,
            self._minimum(),
            metadata.annotations.get(RUNBOOK, ""),
            str(metadata.labels.get(OWNER, "")),
        )

    def _fault(self, what: str, *path: str | int) -> None:
        self.faults.append((("SLO", self.name, *path), what))

    def _annotations(self) -> None:
        for key in self.document.metadata.annotations:
            if key.startswith("queuebit.") and key not in _ANNOTATIONS and not key.startswith(ALERT):
                self._fault(
                    _unknown("annotation", key, (*_ANNOTATIONS, ALERT + "NAME")), "metadata", "annotations", key
                )

    def _query(self) -> QuerySpec | None:
        spec = self.document.spec
        if spec.indicator is not None:
            return self._measured(spec.indicator.spec, "spec", "indicator", "spec")
        reference = str(spec.indicator_ref)
        if (sli := self.them.sli.get(reference)) is not None:
            return self._measured(sli.spec, "spec", "indicatorRef")
        self._fault(_unknown("SLI", reference, self.them.sli), "spec", "indicatorRef")
        return None

    def _measured(self, sli: SLISpec, *path: str) -> QuerySpec | None:
        inline = path[-1] == "spec"
        if sli.ratio_metric is not None:
            good, total = sli.ratio_metric.good.metric_source, sli.ratio_metric.total.metric_source
            if good.spec != total.spec:
                self._fault("good and total count the cases of one indicator: give both the same spec", *path)
            source, place = good, (*path, "ratioMetric", "good", "metricSource") if inline else path
        else:
            assert sli.threshold_metric is not None  # the model has one of the two
            source = sli.threshold_metric.metric_source
            place = (*path, "thresholdMetric", "metricSource") if inline else path
        reference = source.metric_source_ref
        if reference is not None and reference not in self.them.data_source:
            self._fault(_unknown("DataSource", reference, self.them.data_source), *place)
        if reference is None and source.type is None:
            self._fault("metricSource has no type: write `type: queuebit`", *place)
        return self._asked(source.spec, is_ratio=sli.ratio_metric is not None, place=place)

    def _asked(self, asked: QuerySpec, *, is_ratio: bool, place: tuple[str, ...]) -> QuerySpec | None:
        indicator = INDICATORS.get(asked.indicator)
        if indicator is None:
            self._fault(_unknown("indicator", asked.indicator, INDICATORS), *place, "spec", "indicator")
            return None
        if indicator.kind == "value":
            what = f"indicator {asked.indicator} is a value and has no good cases: use a ratio or a duration"
            self._fault(what, *place, "spec", "indicator")
            return None
        if is_ratio != (indicator.kind == "ratio"):
            metric = "ratioMetric" if indicator.kind == "ratio" else "thresholdMetric"
            what = f"indicator {asked.indicator} is a {indicator.kind}: write it as {metric}"
            self._fault(what, *place, "spec", "indicator")
        for key, columns in (("where", asked.where), ("unless", asked.unless)):
            for column in columns:
                if column not in DIMENSIONS:
                    self._fault(_unknown("column", column, DIMENSIONS), *place, "spec", key, column)
        for column in asked.where.keys() & asked.unless.keys():
            what = f"column {column} has one value by `where`: leave it out of `unless`"
            self._fault(what, *place, "spec", "unless", column)
        return asked

    def _target(self, it: Target) -> Fraction | None:
        path = ("spec", "objectives", 0)
        if (it.target is None) == (it.target_percent is None):
            self._fault("write one of target (0.99) and targetPercent (99)", *path)
            return None
        share = Fraction(str(it.target)) if it.target is not None else Fraction(str(it.target_percent)) / 100
        if not 0 < share < 1:
            name, most = ("target", 1) if it.target is not None else ("targetPercent", 100)
            self._fault(f"{name} is between 0 and {most}, and neither: at {most} nothing may ever fail", *path, name)
            return None
        return share

    def _threshold(self, asked: QuerySpec, it: Target) -> int | None:
        path = ("spec", "objectives", 0)
        if INDICATORS[asked.indicator].kind == "ratio":
            if it.op is not None or it.value is not None:
                self._fault(f"{asked.indicator} is a ratio: leave out op and value", *path)
            return None
        if it.op is None or it.value is None:
            self._fault(f"{asked.indicator} is a duration: write `op: lte` and the milliseconds as value", *path)
            return None
        known = bounds(asked.indicator)
        if it.value not in known and (known or it.value < 1 or it.value % 1):
            use = f"one of {', '.join(map(str, known))} (milliseconds)" if known else "whole milliseconds"
            self._fault(f"value {it.value:g} is not counted exactly: use {use}", *path, "value")
            return None
        return int(it.value)

    def _window(self, asked: QuerySpec | None) -> timedelta | None:
        longest = kept(asked.indicator if asked else "")
        path, text = ("spec", "timeWindow", 0, "duration"), self.document.spec.time_window[0].duration
        window = duration(text)
        if window is None:
            self._fault(f"duration {text} is of a calendar: write days or weeks, such as 30d or 4w", *path)
        elif window > longest:
            what = f"duration {text} is longer than cases are kept ({shorthand(longest)}): write at most that"
            self._fault(what, *path)
        elif window < _SHORTEST:
            self._fault(f"duration {text} is too short for a budget: write at least {shorthand(_SHORTEST)}", *path)
        else:
            return window
        return None

    def _by(self, asked: QuerySpec) -> tuple[str, ...]:
        path = ("metadata", "annotations", BY)
        by = tuple(re.findall(r"[^.]+", self.document.metadata.annotations.get(BY, "")))
        for column in by:
            if column not in DIMENSIONS:
                self._fault(_unknown("column", column, DIMENSIONS), *path)
            elif column in asked.where:
                self._fault(f"column {column} has one value by `where`: leave it out of {BY}", *path)
        if len(set(by)) < len(by):
            self._fault(f"{BY} names a column twice: name it once", *path)
        return by

    def _minimum(self) -> int:
        text = self.document.metadata.annotations.get(MINIMUM, str(DEFAULT_MINIMUM))
        if not text.isdigit() or not 1 <= int(text) <= 10**9:
            self._fault(f"{MINIMUM} {text} is no number of cases: write 1 or more", "metadata", "annotations", MINIMUM)
            return DEFAULT_MINIMUM
        return int(text)
