"""Every rule of admission, as a table in English."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from queuebit_broker.accounts import OpenHold
from queuebit_broker.policy import Admit, Decision, Refuse, Wait, admit, to_profile
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_broker.state import Profiled
from queuebit_contracts.query import CircuitError
from queuebit_contracts.tenant import ProjectDefined, ProjectDefinition
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money, job_id

from .broker_office import Ask

ELSEWHERE = "qb.job.evil.jx.submitted"


def profiling(request: Request, world: Snapshot) -> tuple[int, dict[str, list[str]]]:
    return to_profile(request, world.session, world.slot, world.directory, world.backends, world.max_source_bytes)


def codes(decision: Decision) -> list[str]:
    assert isinstance(decision, Refuse), decision
    return [it.code for it in decision.reasons]


def says(decision: Decision, code: str, *facts: str) -> bool:
    """Whether the one reason with this code states all facts."""
    assert isinstance(decision, Refuse), decision
    (text,) = (it.text for it in decision.reasons if it.code == code)
    return all(fact in text for fact in facts)


@pytest.mark.parametrize(
    ("sentence", "changes", "expected"),
    [
        ("a viewer may not submit", {"by": "vic"}, ["role_forbids"]),
        ("another tenant's key proves nothing", {"by": "eve"}, ["bad_proof"]),
        ("what was changed after signing is not proven", {"after_signing": {"shots": 1}}, ["bad_proof"]),
        ("an unknown field is signed like any other", {"after_signing": {"novelty": "x"}}, ["bad_proof"]),
        ("a job id of one's own choice is refused", {"job": "jmine"}, ["bad_proof"]),
        ("a purpose is required", {"purpose": "  "}, ["missing_metadata"]),
        ("a project must exist", {"project": "mian"}, ["unknown_project"]),
        ("no shots measure nothing", {"shots": 0}, ["bad_shots"]),
        ("nor do negative ones", {"shots": -5}, ["bad_shots"]),
        ("a tenant's limit on shots holds", {"shots": 10_001, "backend": "aer"}, ["bad_shots"]),
        ("so does a backend's", {"shots": 9_000, "backend": "torino"}, ["bad_shots"]),
        ("a backend must exist", {"backend": "torin"}, ["unknown_backend"]),
        ("an objective must exist", {"objective": "beauty"}, ["unknown_objective"]),
        ("a project may be kept from a backend", {"project": "sim", "backend": "torino"}, ["backend_not_allowed"]),
        ("a large source is refused unread", {"source": "x" * 1001}, ["circuit_too_large"]),
        ("a job may not cost more than its owner wants", {"max_cost": {"amount": "0.001"}}, ["max_cost_exceeded"]),
        ("no currency is converted", {"max_cost": {"amount": "9", "currency": "EUR"}}, ["currency_mismatch"]),
        ("a budget in another currency buys nothing", {"project": "euro"}, ["currency_mismatch"]),
        (
            "all reasons are reported at once",
            {"by": "vic", "purpose": "", "shots": 0, "backend": "nowhere"},
            ["role_forbids", "missing_metadata", "bad_shots", "unknown_backend"],
        ),
    ],
)
def test_refusals(ask: Ask, snapshot: Snapshot, sentence: str, changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(admit(ask(**changes), snapshot)) == expected, sentence


def of_items(snapshot: Snapshot, items: int, shots: int) -> Snapshot:
    """The snapshot in which a program of so many items was profiled, for the shots of all of them together."""
    profile = snapshot.profiled.profile
    assert profile is not None
    counted = profile.model_copy(update={"items": items, "shots": shots})
    return replace(snapshot, profiled=replace(snapshot.profiled, profile=counted))


@pytest.mark.parametrize(
    ("changes", "user"),
    [
        ({"shots": 0}, "ann"),
        ({"by": "vic"}, "vic"),
        ({"by": "eve"}, None),
        ({"after_signing": {"shots": 1}}, None),
    ],
)
def test_a_refusal_names_the_user_whose_signature_holds(
    ask: Ask, snapshot: Snapshot, changes: dict[str, Any], user: str | None
) -> None:
    decision = admit(ask(**changes), snapshot)
    assert isinstance(decision, Refuse)
    assert decision.user == user


def test_the_hold_of_a_program_covers_the_shots_of_all_its_items(ask: Ask, snapshot: Snapshot) -> None:
    """A shot costs 0.00001 USD on cirq, and those asked for are run for each item."""
    decision = admit(ask(backend="cirq", shots=100), of_items(snapshot, 50, 5_000))
    assert isinstance(decision, Admit)
    assert decision.hold == Money.of("0.05")


def test_a_backend_of_a_kind_that_is_new_runs_only_jobs_that_name_it(ask: Ask, snapshot: Snapshot) -> None:
    """As a simulator it is a candidate of jobs that name no backend."""
    other = snapshot.backends["cirq"].model_copy(update={"kind": "annealer"})
    world = replace(snapshot, backends={**snapshot.backends, "cirq": other})

    def chosen(**changes: Any) -> list[str]:
        decision = admit(ask(**changes), world)
        assert isinstance(decision, Admit)
        return [it.backend for it in decision.candidates]

    assert chosen() == ["aer"]
    assert chosen(backend="cirq") == ["cirq"]


def test_the_limit_on_shots_counts_all_items(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(shots=100), of_items(snapshot, 200, 20_000))
    assert says(decision, "bad_shots", "10,000", "20,000")


@pytest.mark.parametrize(("shots", "text"), [(0, "at least 1"), (-1, "at least 1"), (10_001, "10,001")])
def test_a_program_with_no_shots_or_too_many_is_refused_though_it_was_profiled_with_others(
    ask: Ask, snapshot: Snapshot, shots: int, text: str
) -> None:
    """A number that cannot be run is replaced for the profile, whose total is then within the limit."""
    assert says(admit(ask(shots=shots), of_items(snapshot, 2, 2)), "bad_shots", text)


def test_what_must_be_created_is_reported_with_its_command(ask: Ask, snapshot: Snapshot) -> None:
    assert says(admit(ask(project="lab"), snapshot), "unknown_project", "`qb tenant project add acme lab`")


def test_a_subject_of_another_tenant_is_never_believed(ask: Ask, snapshot: Snapshot) -> None:
    assert codes(admit(ask(subject=ELSEWHERE), snapshot))[:2] == ["bad_proof", "bad_proof"]


def test_a_tenant_that_was_removed_is_unknown(ask: Ask, snapshot: Snapshot) -> None:
    request = ask(tenant="gone", subject=f"qb.job.gone.{job_id('gone', 'k1')}.submitted")
    assert codes(admit(request, snapshot)) == ["bad_proof", "unknown_tenant"]


def test_a_forged_inline_source_is_noticed(ask: Ask, snapshot: Snapshot) -> None:
    request = ask(circuit={"digest": "sha256:" + "0" * 64, "size": 1, "media_type": "text/x-openqasm", "inline": "x"})
    assert codes(admit(request, snapshot)) == ["circuit_mismatch"]
    assert profiling(request, snapshot)[1] == {}


def test_active_jobs_are_limited(ask: Ask, snapshot: Snapshot) -> None:
    assert isinstance(admit(ask(), replace(snapshot, others_active=1)), Admit)
    assert codes(admit(ask(), replace(snapshot, others_active=2))) == ["too_many_active_jobs"]


@pytest.mark.parametrize(
    ("sentence", "backends", "profile", "expected"),
    [
        ("more qubits than it has", ["torino"], {"qubits": 134}, ["too_many_qubits"]),
        ("more memory than it has", ["aer", "cirq"], {"simulation_bytes": 1 << 34}, ["too_much_memory"]),
        (
            "a feature that no backend runs",
            ["aer", "cirq", "torino"],
            {"features": ("while_loop",)},
            ["unsupported_feature"],
        ),
        (
            "several, of one backend",
            ["aer"],
            {"qubits": 30, "simulation_bytes": 1 << 34, "features": ("reset", "loop")},
            ["too_many_qubits", "too_much_memory", "unsupported_feature"],
        ),
        (
            "which a device does not have either",
            ["aer", "torino"],
            {"simulation_bytes": 1 << 34, "features": ("reset",)},
            ["too_much_memory"],
        ),
    ],
)
def test_circuits_that_fit_nowhere(
    ask: Ask, snapshot: Snapshot, sentence: str, backends: list[str], profile: dict[str, Any], expected: list[str]
) -> None:
    known = snapshot.profiled.profile
    assert known is not None
    world = replace(
        snapshot,
        backends={name: snapshot.backends[name] for name in backends},
        profiled=replace(snapshot.profiled, profile=known.model_copy(update=profile)),
    )
    request = ask(backend="torino") if backends == ["torino"] else ask()
    assert codes(admit(request, world)) == expected, sentence


def test_a_feature_that_is_missing_leads_to_what_shows_where_it_runs(ask: Ask, snapshot: Snapshot) -> None:
    known = snapshot.profiled.profile
    assert known is not None
    profile = known.model_copy(update={"features": ("while_loop",)})
    decision = admit(ask(backend="aer"), replace(snapshot, profiled=replace(snapshot.profiled, profile=profile)))
    assert says(decision, "unsupported_feature", "while_loop", "`qb plan FILE`")


def test_memory_is_reported_in_gibibytes_needed_and_there(ask: Ask, snapshot: Snapshot) -> None:
    known = snapshot.profiled.profile
    assert known is not None
    profile = known.model_copy(update={"qubits": 29, "simulation_bytes": 1 << 44})
    decision = admit(ask(backend="aer"), replace(snapshot, profiled=replace(snapshot.profiled, profile=profile)))
    assert says(decision, "too_much_memory", "aer", "8.00 GiB", "16,384.00 GiB")


def test_absurdly_large_circuits_are_still_explained(ask: Ask, snapshot: Snapshot) -> None:
    known = snapshot.profiled.profile
    assert known is not None
    profile = known.model_copy(update={"qubits": 4000, "simulation_bytes": 16 << 4000})
    decision = admit(ask(), replace(snapshot, profiled=replace(snapshot.profiled, profile=profile)))
    assert codes(decision) == ["too_many_qubits", "too_much_memory"]


def test_an_executor_may_know_better(ask: Ask, snapshot: Snapshot) -> None:
    no = snapshot.profiled.estimates["aer"].model_copy(update={"unfit": Reason(code="too_deep", text="its depth")})
    profiled = replace(snapshot.profiled, estimates={**snapshot.profiled.estimates, "aer": no})
    assert codes(admit(ask(backend="aer"), replace(snapshot, profiled=profiled))) == ["too_deep"]


def test_a_broken_circuit_does_not_hide_other_reasons(ask: Ask, snapshot: Snapshot) -> None:
    error = CircuitError(code="syntax", message="unexpected end", line=3, column=7, expected="';'")
    decision = admit(ask(purpose="", shots=0), replace(snapshot, profiled=Profiled(error=error)))
    assert codes(decision) == ["missing_metadata", "bad_shots", "syntax"]
    assert says(decision, "syntax", "3", "7", "unexpected end", "';'")


def test_a_backend_without_a_price_is_never_free(ask: Ask, snapshot: Snapshot) -> None:
    unpriced = snapshot.backends["aer"].model_copy(update={"backend": "gift"})
    world = replace(snapshot, backends={**snapshot.backends, "gift": unpriced})
    refused = admit(ask(backend="gift"), world)
    assert codes(refused) == ["unpriced"]
    assert says(refused, "unpriced", "gift has no price", "[[price]]", "restarts broker and metering")
    decision = admit(ask(), world)
    assert isinstance(decision, Admit)
    assert "gift" not in [it.backend for it in decision.candidates]


def test_the_hold_covers_the_most_expensive_candidate(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(shots=2000), snapshot)
    assert isinstance(decision, Admit)
    assert [(it.backend, it.cost.text()) for it in decision.candidates] == [("aer", "0.01"), ("cirq", "0.02")]
    assert (decision.hold, decision.user, decision.share) == (Money.of("0.02"), "ann", 3)


@pytest.mark.parametrize(
    ("changes", "candidates"),
    [({}, ["aer", "cirq"]), ({"backend": "torino"}, ["torino"]), ({"project": "noisy"}, ["torino"])],
)
def test_a_noisy_device_runs_only_what_names_it_or_what_its_project_sends_there(
    ask: Ask, snapshot: Snapshot, changes: dict[str, str], candidates: list[str]
) -> None:
    decision = admit(ask(**changes), snapshot)
    assert isinstance(decision, Admit)
    assert [it.backend for it in decision.candidates] == candidates
    profiled = [name for names in profiling(ask(**changes), snapshot)[1].values() for name in names]
    assert profiled == candidates


def test_a_job_that_no_simulator_can_run_is_refused_and_reported_which_devices_may(
    ask: Ask, snapshot: Snapshot
) -> None:
    known = snapshot.profiled.profile
    assert known is not None
    large = known.model_copy(update={"qubits": 60, "simulation_bytes": 1 << 64})
    decision = admit(ask(), replace(snapshot, profiled=replace(snapshot.profiled, profile=large)))
    assert codes(decision) == ["too_many_qubits", "too_much_memory", "backend_required"]
    assert says(decision, "backend_required", "torino", "`--backend`")


def test_a_project_of_devices_alone_is_reported_to_name_one(ask: Ask, snapshot: Snapshot) -> None:
    assert codes(admit(ask(project="devices"), snapshot)) == ["backend_required"]
    not_up_yet = replace(snapshot, backends={name: snapshot.backends[name] for name in ("aer", "cirq")})
    assert isinstance(admit(ask(project="devices"), not_up_yet), Wait)


def test_an_unknown_kind_is_no_kind_that_a_project_can_run_on(ask: Ask, snapshot: Snapshot) -> None:
    """A later version may write a kind that this one does not know; two such words being equal grants nothing."""
    project = ProjectDefinition(tenant="acme", project="main", default_kind="annealer", by="later")
    snapshot.directory.take(ProjectDefined(source="qb/test", data=project))
    annealer = snapshot.backends["aer"].model_copy(update={"backend": "dwave", "kind": "annealer"})
    decision = admit(ask(), replace(snapshot, backends={**snapshot.backends, "dwave": annealer}))
    assert codes(decision) == ["backend_required"]
    assert says(decision, "backend_required", "annealer", "aer, cirq, torino")


def test_before_any_simulator_is_up_a_job_waits_for_one_and_goes_to_no_device(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(), replace(snapshot, backends={"torino": snapshot.backends["torino"]}))
    assert isinstance(decision, Wait)
    assert "simulator" in decision.text


def test_candidates_are_those_that_limit_and_budget_can_pay(ask: Ask, snapshot: Snapshot) -> None:
    for decision in (
        admit(ask(shots=2000, max_cost={"amount": "0.019"}), snapshot),
        admit(ask(shots=2000), replace(snapshot, available=Money.of("0.019"))),
    ):
        assert isinstance(decision, Admit)
        assert [it.backend for it in decision.candidates] == ["aer"]
        assert decision.hold == Money.of("0.01")


def test_a_budget_is_enough_to_the_last_digit(ask: Ask, snapshot: Snapshot) -> None:
    assert isinstance(admit(ask(backend="aer"), replace(snapshot, available=Money.of("0.01"))), Admit)
    short = replace(snapshot, available=Money.of("0.009999999999999999"))
    decision = admit(ask(backend="aer"), short)
    assert codes(decision) == ["budget_exceeded"]
    assert says(
        decision, "budget_exceeded", "0.01 USD", "aer", "0.009999999999999999 USD", "`qb tenant fund acme main AMOUNT`"
    )


def test_limit_and_budget_are_reported_together(ask: Ask, snapshot: Snapshot) -> None:
    poor = replace(snapshot, available=Money.zero())
    assert codes(admit(ask(max_cost={"amount": "0"}), poor)) == ["max_cost_exceeded", "budget_exceeded"]


def test_an_existing_hold_is_all_there_is_to_spend(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(), replace(snapshot, existing_hold=OpenHold(Money.of("0.5"))))
    assert isinstance(decision, Admit)
    assert decision.hold == Money.of("0.5")
    assert [it.backend for it in decision.candidates] == ["aer", "cirq"]


def test_near_names_are_suggested(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(backend="torin", project="mian"), snapshot)
    assert says(decision, "unknown_project", "mean main?")
    assert says(decision, "unknown_backend", "mean torino?")


def silence(snapshot: Snapshot, *silent: str) -> Snapshot:
    spoken = {name: it for name, it in snapshot.profiled.estimates.items() if name not in silent}
    return replace(snapshot, profiled=Profiled(snapshot.profiled.profile if spoken else None, spoken))


def test_a_job_waits_for_the_backend_it_asked_for(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(backend="torino"), silence(snapshot, "aer", "cirq", "torino"))
    assert isinstance(decision, Wait)
    assert "torino" in decision.text


def test_a_job_that_asked_for_none_uses_who_answers(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(), silence(snapshot, "aer", "torino"))
    assert isinstance(decision, Admit)
    assert [it.backend for it in decision.candidates] == ["cirq"]


def test_a_silent_backend_that_might_fit_turns_no_job_away(ask: Ask, snapshot: Snapshot) -> None:
    quiet = silence(snapshot, "torino")
    assert quiet.profiled.profile is not None
    large = quiet.profiled.profile.model_copy(update={"qubits": 100})
    many = ask(backend="torino")
    assert isinstance(admit(many, replace(quiet, profiled=replace(quiet.profiled, profile=large))), Wait)
    assert isinstance(admit(ask(), replace(silence(snapshot, "cirq"), available=Money.zero())), Wait)


def test_what_is_wrong_anyway_is_reported_at_once_and_does_not_wait(ask: Ask, snapshot: Snapshot) -> None:
    assert codes(admit(ask(purpose=""), silence(snapshot, "aer", "cirq", "torino"))) == ["missing_metadata"]


def test_a_job_that_comes_before_any_backend_waits(ask: Ask, snapshot: Snapshot) -> None:
    empty = replace(snapshot, backends={}, profiled=Profiled())
    assert isinstance(admit(ask(), empty), Wait)
    assert isinstance(admit(ask(backend="torino"), empty), Wait)


def test_executors_are_asked_about_what_the_project_may_use(ask: Ask, snapshot: Snapshot) -> None:
    assert profiling(ask(), snapshot) == (1000, {"aer": ["aer"], "cirq": ["cirq"]})
    assert profiling(ask(project="sim"), snapshot)[1] == {"aer": ["aer"], "cirq": ["cirq"]}
    assert profiling(ask(backend="torino"), snapshot)[1] == {"ibm": ["torino"]}
    assert profiling(ask(shots=0), snapshot)[0] == 1
    assert profiling(ask(shots=2**53 - 1), snapshot)[0] == 10_000
