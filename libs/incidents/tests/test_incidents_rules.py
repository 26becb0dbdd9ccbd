"""Alerts open one incident for each group, join it, continue it and end it; nothing is decided twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_contracts.alerts import Firing
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.incidents import IncidentEnd, Joining, Opening, Reopening
from queuebit_incidents import fold
from queuebit_incidents.events import fact_of
from queuebit_incidents.rules import AlertNow, Change, Rules, decide
from queuebit_incidents.state import Incident

START = datetime(2026, 11, 5, 12, tzinfo=UTC)
RULES = Rules()
GROUP, OTHER = "a" * 16, "b" * 16


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def alert(
    name: int,
    *,
    group: str = GROUP,
    severity: str = "page",
    since: float = 0,
    ended: float | None = None,
    number: int = 1,
) -> AlertNow:
    labels = {"alertname": f"alert-{name}", "severity": severity, "backend": "ibm-perth"}
    last = Firing(alert=f"{name:016x}", number=number, labels=labels, starts_at=at(since))
    return AlertNow(last, group, {"backend": "ibm-perth"}, ended is None, None if ended is None else at(ended))


class History:
    """Incidents after the decisions so far."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def decide(self, *alerts: AlertNow, minute: float) -> list[Change]:
        changes = decide(self.newest(), alerts, at(minute), RULES)
        self.events += [fact_of(it).model_copy(update={"time": at(minute)}) for it in changes]
        return changes

    def newest(self) -> dict[str, Incident]:
        return {it.group: it for it in sorted(fold(self.events).values(), key=lambda it: it.serial)}


def test_a_page_opens_an_incident_and_more_alerts_of_its_group_join_it() -> None:
    history = History()
    (opening,) = history.decide(alert(1), minute=0)
    assert isinstance(opening, Opening)
    assert (opening.incident, opening.title) == (f"{GROUP}-1", "alert-1 (backend ibm-perth)")
    (joining,) = history.decide(alert(1), alert(2, severity="ticket", since=3), minute=3)
    assert isinstance(joining, Joining)
    assert [it.alert for it in joining.alerts] == [f"{2:016x}"]
    assert history.decide(alert(1), alert(2, severity="ticket", since=3), minute=4) == []


def test_a_ticket_opens_none() -> None:
    assert History().decide(alert(1, severity="ticket"), minute=0) == []


def test_a_suppressed_page_opens_none_until_it_is_not_suppressed() -> None:
    history = History()
    assert history.decide(replace(alert(1), suppressed=True), minute=0) == []
    assert len(history.decide(alert(1), minute=1)) == 1


def test_groups_have_incidents_of_their_own() -> None:
    assert {it.incident for it in History().decide(alert(1), alert(2, group=OTHER), minute=0)} == {
        f"{GROUP}-1",
        f"{OTHER}-1",
    }


def test_it_is_resolved_when_all_alerts_of_the_group_were_quiet_for_the_stated_time() -> None:
    history = History()
    history.decide(alert(1), alert(2), minute=0)
    assert history.decide(alert(1, ended=5), alert(2), minute=30) == [], "one still fires"
    assert history.decide(alert(1, ended=5), alert(2, ended=30), minute=39) == [], "not quiet for 10 minutes"
    (end,) = history.decide(alert(1, ended=5), alert(2, ended=30), minute=40)
    assert isinstance(end, IncidentEnd)
    assert (end.rule, end.by, end.ended_at) == ("quiet", None, at(30))
    assert history.newest()[GROUP].time_to_remediate(at(99)) == timedelta(minutes=30)


def test_an_alert_that_nothing_is_known_of_counts_as_firing() -> None:
    history = History()
    history.decide(alert(1), alert(2), minute=0)
    assert history.decide(alert(1, ended=1), minute=60) == []


def test_a_page_soon_after_the_end_continues_the_incident_and_a_later_one_opens_another() -> None:
    history = History()
    history.decide(alert(1), minute=0)
    history.decide(alert(1, ended=1), minute=11)
    (again,) = history.decide(alert(1, number=2, since=30), minute=30)
    assert isinstance(again, Reopening)
    assert (again.episode, again.by) == (2, None)
    history.decide(alert(1, number=2, ended=31), minute=41)
    (other,) = history.decide(alert(1, number=3, since=300), minute=300)
    assert isinstance(other, Opening)
    assert other.incident == f"{GROUP}-2"


def test_flaps_are_one_incident_and_add_nothing_to_it() -> None:
    history = History()
    changes = [
        change
        for flap in range(1000)
        for firing in (True, False)
        for change in history.decide(
            alert(1, number=flap + 1, since=flap, ended=None if firing else flap + 0.5),
            minute=flap + (0 if firing else 0.5),
        )
    ]
    assert [type(it) for it in changes] == [Opening]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.sampled_from([GROUP, OTHER]),
            st.booleans(),
            st.sampled_from(["page", "ticket"]),
            st.integers(0, 90),
            st.sampled_from([0, 1, 2]),
        ),
        max_size=25,
    )
)
def test_any_history_of_two_copies_has_one_open_incident_a_group(
    steps: list[tuple[int, str, bool, str, int, int]],
) -> None:
    """Each copy decides on a state that may lag; a fact is stored only if its incident did not change since."""
    log: list[tuple[str, AnyEvent]] = []
    alerts: dict[tuple[int, str], AlertNow] = {}
    minute = 0
    for name, group, firing, severity, pause, lag in steps:
        minute += pause
        known = alerts.get((name, group))
        number = known.last.number if known else 0
        if firing and (known is None or not known.firing):
            alerts[name, group] = alert(name, group=group, severity=severity, since=minute, number=number + 1)
        elif not firing and known is not None and known.firing:
            alerts[name, group] = replace(known, firing=False, ended_at=at(minute))
        seen = log[: len(log) - lag] if lag else log
        newest = {it.group: it for it in sorted(fold(e for _, e in seen).values(), key=lambda it: it.serial)}
        for change in decide(newest, alerts.values(), at(minute), RULES):
            tail = sum(it == change.incident for it, _ in seen)
            if sum(it == change.incident for it, _ in log) == tail:  # the guard
                log.append((change.incident, fact_of(change).model_copy(update={"time": at(minute)})))
    found = fold(event for _, event in log)
    for group in (GROUP, OTHER):
        of_group = sorted((it for it in found.values() if it.group == group), key=lambda it: it.serial)
        assert [it.serial for it in of_group] == [*range(1, len(of_group) + 1)]
        assert all(it.is_over for it in of_group[:-1])
    subjects = [
        (event.type, name, getattr(event.data, "episode", getattr(event.data, "number", 0))) for name, event in log
    ]
    assert len(subjects) == len({*subjects}), "no fact is there twice"
