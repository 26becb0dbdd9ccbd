"""Who is notified of what: groups, routes, inhibition, silences, planned work, rotations."""

from __future__ import annotations

from datetime import timedelta

import pytest

from queuebit_contracts.alert_documents import Alerts, Receiver, Rotation, Route, Window
from queuebit_contracts.alerts import Acknowledgement, AlertAcknowledged, Matcher, Silence, SilenceCreated, SilenceEnd
from queuebit_contracts.alerts import SilenceEnded as Ended
from queuebit_contracts.incidents import IncidentAcknowledgement, IncidentAlert, IncidentEnd, Opening, Reopening
from queuebit_contracts.subjects_alerting import alert, fingerprint, group_id, incident_id
from queuebit_incidents.events import fact_of

from .alerting_world import NOON, Process, World

RECEIVERS = {
    it: Receiver(kind="alertmanager", url="https://example.com") for it in ("ann", "bob", "cid", "chat", "billing")
}
ROTATION = Rotation(members=("ann", "bob", "cid"), starts=NOON, shift_hours=24, escalate_minutes=15)

OF_AN_INCIDENT = (IncidentAlert(alert="0" * 16, number=1, labels={"alertname": "one"}, summary="", fired_at=NOON),)


def world(**changed: object) -> World:
    known = {
        "resolve_after_s": 0,
        "receiver": RECEIVERS,
        "rotation": {"primary": ROTATION},
        "route": {
            "pages": Route(match={"severity": "page"}, unless={"owner": "billing"}, rotation="primary"),
            "tickets": Route(match={"severity": "ticket"}, unless={"owner": "billing"}, receivers=("chat",)),
            "billing": Route(match={"owner": "billing"}, receivers=("billing",)),
        },
    }
    return World(Alerts.model_validate({**known, **changed}))


async def test_one_notification_has_all_alerts_of_a_group() -> None:
    it = world()
    assert await it.of(one=True, two=True, three=True) == [("ann", "fired")]
    (sent,) = it.notifications
    assert (len(sent.alerts), sent.labels, sent.paged) == (3, {"backend": "torino"}, True)
    assert await it.of() == []


async def test_groups_are_by_backend_tenant_template_and_tag() -> None:
    it = world()
    it.labels = {"other": {"backend": "brisbane"}}
    it.labels |= {name: {name: "x"} for name in ("tenant", "template", "tag")}
    await it.of(tenant=True, template=True, tag=True, other=True, plain=True, objective=True)
    assert sorted(len(sent.alerts) for sent in it.notifications) == [1, 1, 1, 1, 2]


async def test_more_alerts_of_a_group_wait_for_its_interval() -> None:
    it = world()
    await it.of(one=True)
    it.clock.passes(10)
    assert await it.of(two=True) == []
    it.clock.passes(300)
    assert await it.of() == [("ann", "fired")]
    assert len(it.notifications[-1].alerts) == 2


async def test_the_end_is_sent_when_nothing_is_left() -> None:
    it = world()
    await it.of(one=True, two=True)
    assert await it.of(one=False) == []
    assert await it.of(two=False) == [("ann", "resolved")]
    assert {entry.status for entry in it.notifications[-1].alerts} == {"resolved"}
    assert await it.of() == []


async def test_what_cannot_be_measured_neither_pages_nor_ends() -> None:
    it = world()
    await it.of(one=True)
    for _ in range(5):
        assert await it.of(one=None) == []
    assert await it.of(one=True) == []


async def test_tickets_and_billing_have_receivers_of_their_own() -> None:
    it = world()
    it.labels = {"ticket": {"severity": "ticket"}, "bill": {"owner": "billing", "backend": ""}}
    assert await it.of(ticket=True, bill=True) == [("chat", "fired"), ("billing", "fired")] or it.notifications
    assert {sent.receiver for sent in it.notifications} == {"chat", "billing"}


async def test_a_page_hides_the_ticket_about_the_same() -> None:
    it = world()
    it.labels = {
        "page": {"objective": "success"},
        "ticket": {"objective": "success", "severity": "ticket"},
        "further": {"objective": "wait", "severity": "ticket"},
    }
    await it.of(page=True, ticket=True, further=True)
    assert {sent.receiver: len(sent.alerts) for sent in it.notifications} == {"ann": 1, "chat": 1}
    it.clock.passes(600)
    assert ("chat", "fired") in await it.of(page=False), "the page ended, and the ticket still fires"


async def test_a_backend_that_is_down_hides_what_follows_from_it() -> None:
    it = world()
    it.labels = {"job": {"objective": "success"}, "elsewhere": {"backend": "brisbane"}}
    await it.of(BackendDown=True, job=True, elsewhere=True)
    names = {entry.alert for sent in it.notifications for entry in sent.alerts}
    assert len(names) == 2
    hidden = {"alertname": "job", "severity": "page", "backend": "torino", "objective": "success"}
    assert fingerprint(hidden) not in names


async def test_a_silence_holds_back_notifications_and_no_evaluation() -> None:
    it = world()
    data = Silence(
        silence="s1",
        matchers=(Matcher(label="backend", value="torino"),),
        author="ann",
        reason="warm",
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=1),
    )
    await it.log.append(SilenceCreated(source="qb/alerting", data=data))
    assert await it.of(one=True) == []
    assert any(stored.subject.endswith("fired.1") for stored in it.log.stored)
    it.clock.passes(3600)
    assert await it.of() == [("ann", "fired")], "it still fires when the silence ends"


async def test_a_silence_that_a_person_ends_is_over() -> None:
    it = world()
    data = Silence(
        silence="s1",
        matchers=(Matcher(label="alertname", op="!=", value="two"),),
        author="ann",
        reason="a test",
        starts_at=NOON,
        ends_at=NOON + timedelta(days=1),
    )
    await it.log.append(SilenceCreated(source="qb/alerting", data=data))
    assert await it.of(one=True) == []
    await it.log.append(Ended(source="qb/alerting", data=SilenceEnd(silence="s1", by="ann")))
    assert await it.of() == [("ann", "fired")]


@pytest.mark.parametrize(
    "window",
    [
        Window(kind="maintenance", match={"backend": "torino"}, starts=NOON, ends=NOON + timedelta(minutes=30)),
        Window.model_validate({"kind": "calibration", "match": {"backend": "torino"}, "daily": "11:45", "minutes": 45}),
    ],
)
async def test_planned_work_holds_back_notifications(window: Window) -> None:
    it = world(window={"work": window})
    it.labels = {"elsewhere": {"backend": "brisbane"}}
    assert await it.of(one=True, elsewhere=True) == [("ann", "fired")]
    assert it.notifications[0].labels == {"backend": "brisbane"}
    it.clock.passes(1800)
    assert ("ann", "fired") in await it.of()


def test_a_daily_window_may_span_midnight() -> None:
    window = Window.model_validate({"daily": "23:50", "minutes": 20})
    at = [NOON.replace(hour=hour, minute=minute) for hour, minute in ((23, 49), (23, 50), (0, 9), (0, 10))]
    assert [window.covers({}, it) for it in at] == [False, True, True, False]


async def test_without_an_acknowledgement_the_next_is_notified() -> None:
    it = world()
    await it.of(one=True)
    it.clock.passes(14 * 60)
    assert await it.of() == []
    it.clock.passes(60)
    assert await it.of() == [("bob", "escalated")]
    assert await it.of() == []
    it.clock.passes(15 * 60)
    assert await it.of() == [("cid", "escalated")]
    it.clock.passes(24 * 3600)
    assert await it.of() == [], "all members know"
    assert sorted(await it.of(one=False)) == [(who, "resolved") for who in ("ann", "bob", "cid")]


async def test_an_acknowledgement_ends_the_escalation_until_it_fires_again() -> None:
    it = world()
    await it.of(one=True)
    group = group_id({"backend": "torino"})
    by = Acknowledgement(group=group, number=1, by="ann")
    await it.log.append(AlertAcknowledged(source="qb/alerting", data=by), guard=alert(group).everything)
    it.clock.passes(3600)
    assert await it.of() == []
    await it.of(one=False)
    await it.of(one=True)
    it.clock.passes(900)
    assert await it.of() == [("bob", "escalated")]


async def test_an_acknowledged_incident_ends_the_escalation_of_its_group_until_the_incident_is_over() -> None:
    it = world()
    group = group_id({"backend": "torino"})
    name = incident_id(group, 1)
    opening = Opening(incident=name, group=group, labels={"backend": "torino"}, title="one", alerts=OF_AN_INCIDENT)
    await it.log.append(fact_of(opening))
    await it.log.append(fact_of(IncidentAcknowledgement(incident=name, episode=1, by="ann")))
    assert await it.of(one=True) == [("ann", "fired")], "acknowledged before the first notification"
    it.clock.passes(3600)
    assert await it.of() == []
    await it.of(one=False)
    await it.of(one=True)
    it.clock.passes(3600)
    assert await it.of() == [], "it fired again within the same incident"
    await it.log.append(fact_of(IncidentEnd(incident=name, episode=1, rule="quiet", ended_at=it.clock.now())))
    assert await it.of() == [("bob", "escalated")]


async def test_a_person_who_ends_an_incident_ends_the_escalation_of_what_still_fires() -> None:
    it = world()
    await it.of(one=True)
    group = group_id({"backend": "torino"})
    end = IncidentEnd(incident=incident_id(group, 1), episode=1, rule="person", by="ann", ended_at=it.clock.now())
    await it.log.append(fact_of(end))
    it.clock.passes(3600)
    assert await it.of() == []
    await it.log.append(fact_of(Reopening(incident=end.incident, episode=2, by="ann", text="not over")))
    assert await it.of() == [("bob", "escalated")]


async def test_the_one_on_call_changes_with_the_shift() -> None:
    it = world()
    assert ROTATION.on_call(NOON + timedelta(hours=25))[0] == "bob"
    assert ROTATION.on_call(NOON - timedelta(hours=1))[0] == "cid"
    it.clock.passes(25 * 3600)
    assert await it.of(one=True) == [("bob", "fired")]


async def test_a_clock_that_goes_back_pages_no_one_twice() -> None:
    it = world()
    await it.of(one=True)
    for jump in (-7200, 86_400, -86_400):
        it.clock.wall += timedelta(seconds=jump)
        assert [who for who, reason in await it.of() if reason == "fired"] == []


async def test_an_alert_ends_when_it_was_quiet_for_a_while() -> None:
    it = world(resolve_after_s=60)
    it.says = {"one": True}
    process = Process(it)
    await process.round()
    it.says = {"one": False}
    for passes_s in (0, 30, 29):
        it.clock.passes(passes_s)
        await process.round()
    assert len(it.notifications) == 1
    it.clock.wall += timedelta(days=1)  # a jump ends nothing
    await process.round()
    assert len([sent for sent in it.notifications if sent.reason == "resolved"]) == 0
    it.clock.passes(1)
    await process.round()
    assert it.notifications[-1].reason == "resolved"


async def test_what_ends_beside_a_silenced_alert_says_that_the_silenced_one_still_fires() -> None:
    it = world()
    it.labels = {name: {"owner": "billing"} for name in ("one", "two")}
    await it.of(one=True, two=True)
    sequence = await it.log.append(
        SilenceCreated(
            source="qb/alerting",
            data=Silence(
                silence="s1",
                matchers=(Matcher(label="alertname", value="two"),),
                author="ann",
                reason="known",
                starts_at=it.clock.now(),
                ends_at=it.clock.now() + timedelta(hours=2),
            ),
        ),
        after=0,
    )
    assert sequence
    it.clock.passes(600)
    assert await it.of(one=False) == [("billing", "resolved")]
    assert sorted(entry.status for entry in it.notifications[-1].alerts) == ["firing", "resolved"], "not all is over"
    it.clock.passes(7200)
    assert await it.of() == [], "the receiver knows of it all the time"


async def test_a_group_of_very_many_alerts_reaches_its_receiver_in_parts_without_repeats() -> None:
    it = world()
    it.labels = {f"n{number}": {"owner": "billing"} for number in range(250)}
    await it.of(**{f"n{number}": True for number in range(250)})
    for _ in range(3):
        it.clock.passes(300)
        await it.of()
    said = [entry.alert for sent in it.notifications for entry in sent.alerts if sent.reason == "fired"]
    assert len(set(said)) == 250
    assert len(it.notifications) == 2, "what is known is not sent again without end"
    await it.of(**{f"n{number}": False for number in range(250)})
    for _ in range(3):
        it.clock.passes(300)
        await it.of()
    assert not Process(it).book.groups[it.notifications[-1].group].informed


async def test_a_page_of_very_many_alerts_is_escalated() -> None:
    it = world()
    await it.of(**{f"n{number}": True for number in range(250)})
    it.clock.passes(1000)
    assert ("bob", "escalated") in await it.of()
