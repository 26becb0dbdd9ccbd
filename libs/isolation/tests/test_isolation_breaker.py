"""When a backend is isolated, when it returns, and that it does not switch back and forth."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_isolation import Breaker, Failures, Finding, Limits, Outcome, Proof, decide, overdue_after_us, parse_fleet

S = 1_000_000
H = 3600 * S
LIMITS = Limits()
BAD = Finding("elements", "too little is left", 5 * S)


def isolated(limits: Limits = LIMITS, *, by_person: bool = False) -> Breaker:
    breaker = Breaker(limits)
    breaker.isolated(10 * S, by_person=by_person, not_before_us=910 * S)
    return breaker


def test_a_finding_isolates_at_once() -> None:
    change = decide(Breaker(LIMITS).status, [BAD], None, 10 * S, LIMITS)
    assert change is not None
    assert (change.to, change.cause, change.not_before_us) == ("isolated", "elements", 910 * S)


def test_nothing_is_isolated_by_rule_where_the_document_says_so() -> None:
    assert decide(Breaker(LIMITS).status, [BAD], None, 10 * S, Limits(isolate=False)) is None


@pytest.mark.parametrize(
    ("now_us", "findings", "proof", "probe", "returns"),
    [
        (900 * S, [], Proof(100 * S, True), "if_any", False),
        (1000 * S, [], Proof(100 * S, True), "if_any", True),
        (1000 * S, [BAD], Proof(100 * S, True), "if_any", False),
        (1000 * S, [Finding("failures", "", 9 * S, lasts=False)], Proof(100 * S, True), "if_any", True),
        (1000 * S, [], Proof(100 * S, False), "if_any", False),
        (1000 * S, [], Proof(9 * S, True), "if_any", False),
        (1000 * S, [], None, "if_any", True),
        (1000 * S, [], None, "required", False),
        (1000 * S, [], Proof(100 * S, False), "never", True),
    ],
    ids=[
        "before its time",
        "a passed probe",
        "still bad",
        "failures end",
        "a failed probe",
        "an old probe",
        "no probes run there",
        "a probe is required",
        "no probe is wanted",
    ],
)
def test_what_readmits(now_us: int, findings: list[Finding], proof: Proof | None, probe: str, *, returns: bool) -> None:
    limits = Limits.model_validate({"probe": probe})
    assert (decide(isolated(limits).status, findings, proof, now_us, limits) is not None) is returns


def test_only_a_person_readmits_what_a_person_isolated() -> None:
    status = isolated(by_person=True).status
    assert decide(status, [], Proof(100 * S, True), 10**9 * S, LIMITS) is None


def test_a_person_who_readmits_accepts_what_is_known() -> None:
    breaker = isolated()
    breaker.readmitted(20 * S, by_person=True)
    assert decide(breaker.status, [BAD], None, 30 * S, LIMITS) is None
    newer = Finding("elements", "again", 25 * S)
    assert decide(breaker.status, [newer], None, 30 * S, LIMITS) is not None


@given(
    st.lists(st.tuples(st.integers(1, 20_000), st.booleans(), st.booleans()), min_size=1, max_size=300),
    st.sampled_from([(60.0, 3600.0), (900.0, 86_400.0), (600.0, 600.0)]),
)
def test_it_never_switches_more_often_than_its_bound(
    steps: list[tuple[int, bool, bool]], back_off: tuple[float, float]
) -> None:
    first, most = back_off
    limits = Limits(back_off_s=first, most_back_off_s=most, calm_s=2 * most)
    breaker, now, isolations = Breaker(limits), 0, 0
    for wait_s, bad, passed in steps:
        now += wait_s * S
        findings = [Finding("errors", "", now)] if bad else []
        change = decide(breaker.status, findings, Proof(now, passed), now, limits)
        if change is None:
            continue
        if change.to == "isolated":
            isolations += 1
            breaker.isolated(now, by_person=False, not_before_us=change.not_before_us)
        else:
            assert now >= breaker.status.not_before_us
            breaker.readmitted(now, by_person=False)
    assert isolations <= (1 + now / (most * S)) * (2 + math.log2(most / first))


def test_each_isolation_lasts_twice_as_long_until_it_has_worked_for_long() -> None:
    breaker, lasted, now = Breaker(LIMITS), [], 0
    for pause in (1, 1, 1, 200_000):
        now += pause * S
        change = decide(breaker.status, [Finding("errors", "", now)], None, now, LIMITS)
        assert change is not None
        lasted.append((change.not_before_us - now) // S)
        breaker.isolated(now, by_person=False, not_before_us=change.not_before_us)
        now = change.not_before_us
        breaker.readmitted(now, by_person=False)
    assert lasted == [900, 1800, 3600, 900]


def ends(text: str, tenant: str = "acme", start: int = 0) -> list[Outcome]:
    return [Outcome(tenant, start + number, it == "x") for number, it in enumerate(text)]


def alarms(outcomes: list[Outcome]) -> bool:
    failures = Failures(LIMITS)
    texts = [failures.take(it) for it in outcomes]
    return any(texts)


@pytest.mark.parametrize(
    ("text", "alarm"),
    [
        ("xxx", False),
        ("xxxx", True),
        (("x" + "." * 19) * 50, False),
        ("x.x.x.x.x", True),
        ("." * 50 + "xxxx", True),
    ],
)
def test_failures_in_a_row_count_and_rare_ones_do_not(text: str, alarm: bool) -> None:
    assert alarms(ends(text)) is alarm


def test_one_tenant_does_not_take_a_backend_from_others() -> None:
    assert not alarms([*ends("xx"), *ends(".", "other", 10), *ends("xxxxxxxx", start=20)])
    assert alarms([*ends(".", "other"), *ends("xxxx", start=10)]), "an earlier success of another says nothing"


def test_a_calibration_is_overdue_by_its_own_rhythm() -> None:
    assert overdue_after_us([0, H], LIMITS) is None
    assert overdue_after_us([0, H, 2 * H], LIMITS) == 72 * H
    assert overdue_after_us([0, 24 * H, 48 * H], LIMITS) == 120 * H


def test_the_table_of_a_backend_counts_or_else_the_longest_pattern() -> None:
    tables = (
        '[backend."emulated-*"]\noverdue_h = 20\n',
        "[backend.emulated-x]\nreadout_error = 0.1\n",
        '[backend."emulated-ibm-*"]\noverdue_h = 30\n',
    )
    for order in permutations(tables):
        document = parse_fleet("[limits]\noverdue_h = 10\n" + "".join(order))
        names = ("qpu", "emulated-y", "emulated-x", "emulated-ibm-z")
        assert [document.of(it).overdue_h for it in names] == [10, 20, 10, 30]


@pytest.mark.parametrize(
    "text", ["[limits]\nunknown = 1", "[limits]\ncalm_s = 1.0", '[backend."a b"]\n', "[limits]\nusual_share = 0.4"]
)
def test_a_document_with_a_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fleet(text)


@pytest.mark.parametrize(
    "url",
    ["http://", "http://[::1/x", "https://h:99999/x", "https://me:secret@h/x", "https://h/x#y", "https://h/a\\nb"],
)
def test_a_hook_that_no_request_can_reach_is_refused_before_the_service_reads_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"recalibration\.url: write it like") as refused:
        parse_fleet(f'[recalibration]\nurl = "{url}"\n')
    assert "secret" not in str(refused.value)


def test_a_document_that_nests_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="nests too deeply"):
        parse_fleet("a = " + "[" * 5_000)
