"""I6: a good record recomputes; altered in one way, it is found by the name of what was altered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from queuebit_audit.decisions import Sample, decisions_recompute
from queuebit_audit.messages import fact_of
from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_contracts.admission import FallbackTerms
from queuebit_contracts.backend import BackendInterrupted, Interruption
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import Fallback, JobAccepted, JobLimits, JobPlaced, Moved, Placement, Preempted, Score
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.topology import DECISIONS
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import canonical, digest
from queuebit_runtime.log import Stored
from queuebit_runtime.payloads import Missing
from queuebit_scheduling import (
    MEDIA_TYPE,
    POLICIES,
    POLICY,
    BackendCapacity,
    Candidate,
    FairShare,
    Job,
    Movable,
    Policy,
    Served,
    Snapshot,
    Tenant,
    by_name,
    encode,
    micros,
    plan,
)
from queuebit_testing.build import NOON, accepted
from queuebit_testing.snapshots import grouped

from .without_proofs import NoProofs

Document = dict[str, Any]  # JSON


class Record:
    """Two cycles of a scheduler: its events, and what it kept of its decisions."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.kept: dict[str, bytes] = {}

    def cycle(self, *jobs: tuple[str, str], policy: Policy = POLICY, inline: bool = False) -> None:
        """Accept these jobs, decide about them, keep the decision, and place them."""
        first = len(self.events) + 1
        events = [accepted(job, tenant=tenant) for tenant, job in jobs]
        self.events += events
        snapshot = self.snapshot(policy, [_job(event, first + n) for n, event in enumerate(events)])
        self.keep(snapshot, policy, inline=inline)

    def keep(self, snapshot: Snapshot, policy: Policy, *, inline: bool = False) -> None:
        """Keep a decision, and place its jobs."""
        content = encode(snapshot)
        if not inline:
            self.kept[digest(content)] = content
        reference = self.reference(content, inline=inline)
        for place in plan(policy, snapshot).places:
            scores = tuple(Score(backend=backend, expected_ms=due // 1000) for backend, due in place.scores)
            data = _placement(*place.job, place.backend, policy.name, scores, reference)
            if (it := place.gave_way) is not None:
                why = Preempted(by=it.to[1], rule=it.rule, gained_ms=it.gained_us // 1000)
                data = data.model_copy(update={"preempted": why})
            if (better := place.moved) is not None:
                moved = Moved(left=better.left, gained_ms=better.gained_us // 1000)
                data = data.model_copy(update={"moved": moved})
            self.events.append(JobPlaced(source="qb/scheduler", data=data))

    def snapshot(self, policy: Policy, jobs: list[Job]) -> Snapshot:
        tenants = tuple(Tenant(name, 1, Served(n * 10, 0), 0) for n, name in enumerate({it.tenant for it in jobs}))
        at_us = micros(NOON) + 5_000
        backends = (BackendCapacity("aer", 1, 16), BackendCapacity("cirq", 1, 16))
        return Snapshot(policy.name, at_us, 32, backends, tenants, groups=grouped(policy, jobs))

    def reference(self, content: bytes, *, inline: bool = False) -> Payload:
        text = content.decode() if inline else None
        return Payload(digest=digest(content), size=len(content), media_type=MEDIA_TYPE, inline=text)

    def preempt(self) -> None:
        """Move the last placed job, of 10 s, for an interactive one."""
        placed, sequence = self.events[-1], len(self.events) + 1
        assert isinstance(placed, JobPlaced)
        first = next(
            (n, it)
            for n, it in enumerate(self.events, 1)
            if isinstance(it, JobAccepted) and it.data.job == placed.data.job
        )
        urgent = accepted("urgent", tenant=placed.data.tenant)
        data = urgent.data.model_copy(update={"workload_class": "interactive"})
        urgent = urgent.model_copy(update={"data": data})
        self.events.append(urgent)
        row = Movable(_job(first[1], first[0]), placed.data.backend, 10_000_000)
        aer = BackendCapacity(placed.data.backend, 1, 16, 1, 10_000_000)
        snapshot = self.snapshot(
            POLICY,
            [replace(_job(urgent, sequence), project=data.project, user=data.user, workload_class="interactive")],
        )
        snapshot = replace(snapshot, backends=(aer,), movable=(row,))
        self.keep(snapshot, POLICY)

    def alter(self, **changes: object) -> None:
        """Change what the first placement says."""
        at = next(n for n, event in enumerate(self.events) if isinstance(event, JobPlaced))
        event = self.events[at]
        self.events[at] = event.model_copy(update={"data": event.data.model_copy(update=changes)})

    def tamper(self, change: Callable[[Document], None], *, cite: bool = True) -> None:
        """Change the first kept decision; with `cite`, every placement cites the changed one, as a forger would."""
        old, content = next(iter(self.kept.items()))
        document = json.loads(content)
        change(document)
        changed = canonical(document)
        if not cite:
            self.kept[old] = changed
            return
        self.kept[digest(changed)] = changed
        for at, event in enumerate(self.events):
            if isinstance(event, JobPlaced) and event.data.snapshot == old:
                data = event.data.model_copy(update={"snapshot": digest(changed), "decision": self.reference(changed)})
                self.events[at] = event.model_copy(update={"data": data})

    def verdict(self, sample: Sample | None = None, policies: Mapping[str, Policy] = POLICIES) -> Verdict:
        history = History()
        for sequence, event in enumerate(self.events, start=1):
            moment = NOON + timedelta(milliseconds=sequence)
            history.evolve(fact_of(Stored(event, subject_of(event), sequence, moment), NoProofs()))
        return asyncio.run(decisions_recompute(history, self, sample, policies))

    async def get(self, tenant: str, payload: Payload, *, limit: int = 0) -> bytes:
        """As the payload store does."""
        assert tenant == DECISIONS
        assert limit >= payload.size
        content = payload.inline.encode() if payload.inline is not None else self.kept.get(payload.digest)
        if content is None:
            raise Missing("no content under it")
        if digest(content) != payload.digest:
            raise Missing(f"the content of {payload.digest} is not what it says")
        return content

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        raise NotImplementedError("an audit writes nothing")

    store = put


def _job(event: JobAccepted, sequence: int) -> Job:
    candidates = tuple(Candidate(it.backend, it.qpu_us, 1_000_000) for it in event.data.candidates)
    return Job(event.data.tenant, event.data.job, sequence, micros(event.time), "2q12", candidates)


def _placement(
    tenant: str, job: str, backend: str, policy: str, scores: tuple[Score, ...], decision: Payload
) -> Placement:
    return Placement(
        tenant=tenant,
        project="main",
        job=job,
        backend=backend,
        shots=1000,
        circuit=digest(b"circuit"),
        seed=7,
        qpu_us=1_000_000,
        policy=policy,
        snapshot=decision.digest,
        decision=decision,
        scores=scores,
        submitted_at=NOON,
        accepted_at=NOON,
    )


@pytest.fixture
def record() -> Record:
    made = Record()
    made.cycle(("acme", "j1"), ("acme", "j2"), ("beta", "j3"))
    made.cycle(("acme", "j4"), inline=True)
    return made


def test_a_good_record_recomputes(record: Record) -> None:
    verdict = record.verdict()
    assert (verdict.invariant, verdict.holds, verdict.checked, verdict.of) == ("I6", True, 4, "placements")
    assert verdict.notes == []


def test_jobs_that_gave_way_recompute(record: Record) -> None:
    record.preempt()
    verdict = record.verdict()
    assert verdict.holds, verdict.findings
    assert [it.data.preempted is not None for it in record.events[-2:] if isinstance(it, JobPlaced)] == [False, True]
    last = record.events[-1]
    record.events[-1] = last.model_copy(update={"data": last.data.model_copy(update={"preempted": None})})
    assert [it.text[:22] for it in record.verdict().findings] == ["that it gave way to an"]


def test_a_moved_job_recomputes(record: Record) -> None:
    """It waits on a backend with work for a minute, and its other one is free."""
    event, number = accepted("late", tenant="acme"), len(record.events) + 1
    candidates = tuple(event.data.candidates[0].model_copy(update={"backend": it}) for it in ("aer", "cirq"))
    event = event.model_copy(update={"data": event.data.model_copy(update={"candidates": candidates})})
    record.events.append(event)
    first = _job(event, number)
    record.keep(record.snapshot(POLICY, [first]), POLICY)
    placed = record.events[-1]
    assert isinstance(placed, JobPlaced)
    row = Movable(first, placed.data.backend, 10_000_000, 0, 60_000_000)
    backends = tuple(
        BackendCapacity(it, 1, 16, *((2, 70_000_000) if it == row.backend else ())) for it in ("aer", "cirq")
    )
    world = Snapshot(POLICY.name, micros(NOON) + 9_000, 32, backends, movable=(row,))
    record.keep(world, POLICY)
    last = record.events[-1]
    assert isinstance(last, JobPlaced)
    assert last.data.moved == Moved(left=row.backend, gained_ms=60_000)
    assert record.verdict().holds, record.verdict().findings
    record.events[-1] = last.model_copy(update={"data": last.data.model_copy(update={"moved": None})})
    assert [it.text[:21] for it in record.verdict().findings] == ["that it was moved to "]


def _of_backend(name: str) -> Callable[[Record], None]:
    return lambda it: it.alter(backend=name)


def _without_content(it: Record) -> None:
    it.kept.clear()


def _accepted_later(document: Document) -> None:
    document["groups"][0]["jobs"]["accepted_us"][0] += 1


def _another_sequence(document: Document) -> None:
    document["groups"][0]["jobs"]["sequence"][0] -= 1


def _more_expensive(document: Document) -> None:
    document["groups"][0]["jobs"]["cost_rank"][0] = [1]


def _another_objective(document: Document) -> None:
    document["version"] = 4
    names = document["backends"]["name"]
    document["backends"] |= {"owed_us": [0] * len(names), "sessions": [0] * len(names)}
    document["backends"]["out_since_us"] = [None] * len(names)
    for group in document["groups"]:
        own = {"session": None, "fallback": [0] * len(group["backends"]), "fallback_after_us": 0}
        group.update(own, objective="time")


def _full(document: Document) -> None:
    document["backends"]["taken"][0] = document["backends"]["queue_depth"][0]


def _slow(document: Document) -> None:
    document["backends"]["backlog_us"][0] = 9_000_000


def _cheaper_elsewhere(document: Document) -> None:
    group = document["groups"][0]
    group["backends"] = ["aer", "cirq"]
    for figures, rank in (("qpu_us", 1_000_000), ("esp_ppm", 1_000_000), ("cost_rank", 0)):
        group["jobs"][figures] = [[*it, rank] for it in group["jobs"][figures]]
    group["jobs"]["cost_rank"] = [[1, 0] for _ in group["jobs"]["cost_rank"]]


def _with_priority(document: Document) -> None:
    names = document["backends"]["name"]
    document.update(version=2)
    document["backends"].update(owed_us=[0] * len(names), sessions=[1] * len(names))
    for group in document["groups"]:
        group["session"] = "s1" if group["tenant"] == "acme" else None


@pytest.mark.parametrize(
    ("breaks", "text"),
    [
        pytest.param(
            lambda it: it.tamper(_with_priority), "the priority of session s1, and was", id="a forged session"
        ),
        pytest.param(lambda it: it.alter(session="s1"), "it counts for session s1, and its", id="another session"),
        pytest.param(_without_content, "is lost: no content", id="a missing payload"),
        pytest.param(lambda it: it.tamper(_full, cite=False), "is lost: the content of", id="a changed payload"),
        pytest.param(lambda it: it.tamper(_full), "a place that its decision does not give it", id="a forged decision"),
        pytest.param(lambda it: it.tamper(_slow), "its scores are not", id="a forged backlog"),
        pytest.param(lambda it: it.tamper(_cheaper_elsewhere), "its decision gives it cirq", id="a forged candidate"),
        pytest.param(
            lambda it: it.tamper(_accepted_later), "something else than its acceptance", id="a forged acceptance"
        ),
        pytest.param(
            lambda it: it.tamper(_another_sequence), "something else than its acceptance", id="a forged sequence"
        ),
        pytest.param(lambda it: it.tamper(_more_expensive), "something else than its acceptance", id="a forged cost"),
        pytest.param(lambda it: it.tamper(_another_objective), "for the objective time", id="a forged objective"),
        pytest.param(lambda it: it.tamper(lambda d: d.update(version=2)), "not a snapshot", id="another version"),
        pytest.param(_of_backend("cirq"), "placed on cirq, and its decision gives it aer", id="another backend"),
        pytest.param(lambda it: it.alter(policy="fair-share/8"), "names the policy fair-share/8", id="another policy"),
        pytest.param(lambda it: it.alter(snapshot=digest(b"x")), "it cites sha256:", id="another digest"),
        pytest.param(
            lambda it: it.alter(preempted=Preempted(by="j2", rule="class", gained_ms=9)),
            "that it gave way to another job",
            id="a forged preemption",
        ),
        pytest.param(lambda it: it.alter(scores=()), "its scores are not", id="other scores"),
        pytest.param(lambda it: it.alter(job="j9"), "a place that its decision does not give it", id="another job"),
    ],
)
def test_what_does_not_recompute_is_found(record: Record, breaks: Callable[[Record], None], text: str) -> None:
    breaks(record)
    verdict = record.verdict()
    assert not verdict.holds
    assert any(text in it.text for it in verdict.findings), [it.text for it in verdict.findings]
    assert all(it.invariant == "I6" for it in verdict.findings)


def test_bytes_in_another_form_of_the_same_decision_are_found(record: Record) -> None:
    content = next(iter(record.kept.values()))
    spaced = json.dumps(json.loads(content)).encode()
    record.kept[digest(spaced)] = spaced
    record.alter(snapshot=digest(spaced), decision=record.reference(spaced))
    [finding] = record.verdict().findings
    assert "not in its canonical form" in finding.text


def test_a_decision_inside_its_placement_is_checked_as_well(record: Record) -> None:
    inside = Record()
    inside.cycle(("acme", "j1"), inline=True)
    good = inside.events[-1].data.decision
    assert good is not None
    assert inside.verdict().holds
    assert good.inline is not None
    inside.alter(decision=good.model_copy(update={"inline": good.inline.replace('"taken":[0', '"taken":[1')}))
    [finding] = inside.verdict().findings
    assert "is not what it says" in finding.text


def test_placements_of_versions_that_kept_nothing_are_counted_and_no_fault(record: Record) -> None:
    record.alter(decision=None)
    verdict = record.verdict()
    assert (verdict.holds, verdict.checked) == (True, 3)
    assert verdict.notes == ["1 placements are of a version that did not keep its decisions"]


class ShortestFirst(FairShare):
    """The policy of another version."""

    name = "shortest-first/1"

    def order(self, job: Job) -> tuple[int, ...]:
        return (-job.sequence,)


def test_decisions_of_several_policies_recompute_side_by_side(record: Record) -> None:
    other = ShortestFirst()
    record.cycle(("acme", "j5"), ("acme", "j6"), policy=other)
    verdict = record.verdict(policies=by_name([POLICY, other]))
    assert (verdict.holds, verdict.checked) == (True, 6)
    alone = record.verdict()
    assert (alone.holds, alone.checked) == (True, 4)
    assert alone.notes == ["1 decisions are by shortest-first/1, which this version does not have"]


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    record = Record()
    for n in range(40):
        record.cycle(("acme", f"a{n}"), inline=n % 2 == 0)
    first, again, other = (record.verdict(Sample(10, seed)) for seed in ("one", "one", "two"))
    assert (first.checked, first.holds) == (10, True)
    assert first.notes == ["of 40 decisions 10 were made again, chosen by the sample's seed"]
    assert first == again
    record.kept.clear()
    lost = [{it.subject for it in record.verdict(Sample(10, seed)).findings} for seed in ("one", "one", "two")]
    assert lost[0] == lost[1] != lost[2]
    assert other.checked == 10
    assert len(record.verdict().findings) == 20


OUT = NOON - timedelta(minutes=5)


def _interrupted(backend: str, since: datetime) -> BackendInterrupted:
    data = Interruption(backend=backend, since=since, reason=Reason(code="no_answer", text="no answer"))
    return BackendInterrupted(source="qb/scheduler", data=data)


@pytest.mark.parametrize(
    ("facts", "label_since", "text"),
    [
        ({"x": OUT}, OUT, ""),
        ({"x": OUT, "y": OUT - timedelta(hours=1)}, OUT, ""),
        ({"x": OUT}, NOON, "were out of service since"),
        ({}, OUT, "says that x was out of service, and the log does not"),
        ({"x": OUT, "y": NOON}, OUT, "were out of service since"),
    ],
)
def test_the_time_of_a_label_is_that_of_the_last_interruption(
    facts: dict[str, datetime], label_since: datetime, text: str
) -> None:
    names = tuple({"x": None, **dict.fromkeys(facts)})
    made = Record()
    made.events += [_interrupted(*it) for it in facts.items()]
    made.cycle(("acme", "j1"))
    made.alter(fallback=Fallback(instead_of=names, since=label_since))
    said = [it.text for it in made.verdict().findings if "its label says" in it.text]
    assert [text in it for it in said] == ([True] if text else [])


@pytest.mark.parametrize("is_out", [True, False])
def test_a_backend_with_too_little_fidelity_is_in_a_decision_only_while_a_fallback_stands_in_for_it(
    is_out: bool,
) -> None:
    made, since_us = Record(), micros(OUT) if is_out else None
    event = accepted("j1", backend="x")
    (own,) = event.data.candidates
    rule = FallbackTerms(after_s=0, candidates=(own.model_copy(update={"backend": "aer"}),))
    changes = {"fallback": rule, "limits": JobLimits(min_esp_ppm=900_000)}
    event = event.model_copy(update={"data": event.data.model_copy(update=changes)})
    made.events += [_interrupted("x", OUT), event]
    candidates = Candidate("x", 1_000_000, 800_000), Candidate("aer", 1_000_000, 1_000_000, fallback=1)
    snapshot = made.snapshot(POLICY, [replace(_job(event, 2), candidates=candidates)])
    x = BackendCapacity("x", 1, 16, out_since_us=since_us, silent_since_us=since_us)
    made.keep(replace(snapshot, backends=(x, BackendCapacity("aer", 1, 16))), POLICY)
    if is_out:
        made.alter(fallback=Fallback(instead_of=("x",), since=OUT))
    said = [it.text for it in made.verdict().findings if "less than the fidelity" in it.text]
    assert bool(said) is not is_out
