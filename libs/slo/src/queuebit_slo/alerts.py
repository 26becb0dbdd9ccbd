"""The alerts of an SLO: the default ones, those of its annotations, or those of its AlertPolicies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

from queuebit_contracts.openslo import ALERT, ALERTS, SLO, AlertConditionSpec, Objectives
from queuebit_documents.errors import Path
from queuebit_slo.model import BurnAlert, default_alerts
from queuebit_slo.times import duration, shorthand

__all__ = ["alerts_of"]

_ALERT = re.compile(r"(page|ticket)-([0-9]+[mhdw])-([0-9]+[mhdw])-([0-9]{1,6}(?:\.[0-9]{1,6})?)")
_SHARE = 12
"""The short window of an alert with one window is a twelfth of it."""


def alerts_of(
    document: SLO, them: Objectives, target: Fraction, window: timedelta
) -> tuple[tuple[BurnAlert, ...], list[tuple[Path, str]]]:
    """The alerts of an SLO, and what is wrong with them, each with its place in the document.

    The default ones that could never fire, because more than all cases would have to be bad, are left out.
    """
    notes = document.metadata.annotations
    faults: list[tuple[Path, str]] = []
    found: list[tuple[Path, BurnAlert]] = []
    for key in (it for it in notes if it.startswith(ALERT)):
        path: Path = ("metadata", "annotations", key)
        alert = _noted(key.removeprefix(ALERT), notes[key])
        if alert is None:
            what = f"{key} {notes[key]} is no alert: write SEVERITY-LONG-SHORT-FACTOR, such as page-1h-5m-14.4"
            faults.append((path, what))
        else:
            found.append((path, alert))
    for at, reference in enumerate(document.spec.alert_policies):
        path = ("spec", "alertPolicies", at, "alertPolicyRef")
        policy = them.alert_policy.get(reference.alert_policy_ref)
        if policy is None:
            faults.append((path, f"AlertPolicy {reference.alert_policy_ref} is not there: add it"))
            continue
        spec = policy.spec.conditions[0].spec or _condition(them, policy.spec.conditions[0].condition_ref)
        if spec is not None:  # a missing condition is a fault of the policy
            found.append((path, _of_policy(reference.alert_policy_ref, spec)))
    choice = notes.get(ALERTS)
    faults += _faults(choice, found, target, window)
    if faults:
        return (), faults
    kept = [*(default_alerts(window) if choice == "default" or (choice is None and not found) else ())]
    possible = [it for it in kept if it.factor * (1 - target) < 1]
    return (*possible, *(alert for _, alert in found)), []


def _faults(
    choice: str | None, found: list[tuple[Path, BurnAlert]], target: Fraction, window: timedelta
) -> Iterator[tuple[Path, str]]:
    if choice not in (None, "default", "none"):
        yield ("metadata", "annotations", ALERTS), f"{ALERTS} {choice} is no choice: write default or none"
    names = [it.name for it in default_alerts(window)] if choice == "default" else []
    for path, alert in found:
        if not timedelta() < alert.short < alert.long <= window:
            spans = f"{shorthand(alert.short)}, {shorthand(alert.long)}, {shorthand(window)}"
            yield path, f"alert {alert.name}: its short window, its long one and the SLO's must grow, and are {spans}"
        if alert.factor * (1 - target) >= 1:
            most = 1 / (1 - target)
            yield path, f"alert {alert.name} can never fire: the highest burn rate at this target is {float(most):g}"
        if alert.name in names:
            yield path, f"alert {alert.name} is there twice: give one another name"
        names.append(alert.name)


def _condition(them: Objectives, name: str | None) -> AlertConditionSpec | None:
    return them.alert_condition[name].spec if name in them.alert_condition else None


def _noted(name: str, text: str) -> BurnAlert | None:
    found = _ALERT.fullmatch(text)
    long, short = (duration(found[2]), duration(found[3])) if found else (None, None)
    if found is None or long is None or short is None or not Fraction(found[4]):
        return None
    return BurnAlert(name, "page" if found[1] == "page" else "ticket", long, short, Fraction(found[4]))


def _of_policy(name: str, spec: AlertConditionSpec) -> BurnAlert:
    long = duration(spec.condition.lookback_window) or timedelta()
    return BurnAlert(name, spec.severity, long, long / _SHARE, Fraction(str(spec.condition.threshold)))
