"""The laboratory: the real data, the simulation, and what is measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from queuebit_kernel import Malformed
from queuebit_lab.baselines import Immediate, best_fidelity, fifo, least_busy
from queuebit_lab.comparison import POLICIES as COMPARED
from queuebit_lab.comparison import USUAL, compare
from queuebit_lab.devices import circuit_names, devices
from queuebit_lab.machines import Load
from queuebit_lab.measures import entitlements, jain, measure
from queuebit_lab.platform import Platform, cents
from queuebit_lab.plots import draw
from queuebit_lab.scenario import Machine, Scenario, Work, scenario
from queuebit_lab.simulation import Outcome, estimates, simulate
from queuebit_lab.trace import DAY_US, TRACE_US, Background, backgrounds
from queuebit_scheduling import POLICIES, POLICY

_MINUTE_US = 60_000_000


def test_the_devices_are_real_snapshots_and_perth_has_a_calibration_for_each_day() -> None:
    known = devices()
    assert len(known) == 65
    perth = known["perth"].circuits[circuit_names().index("ghz-3")]
    assert perth is not None
    assert len(perth.esp_ppm) == 120
    assert len({*perth.esp_ppm}) > 100  # the calibration of a day decides, not the circuit alone
    assert perth.on_day(120) == perth.on_day(0)


def test_a_circuit_that_needs_more_qubits_than_a_device_has_does_not_fit() -> None:
    wide = circuit_names().index("ghz-12")
    assert devices()["perth"].circuits[wide] is None
    assert devices()["kolkata"].circuits[wide] is not None


def test_the_queue_of_the_trace_is_that_of_a_machine_without_further_jobs() -> None:
    """Served in order with these times, each job ends when it did in the trace."""
    for it in backgrounds().values():
        free = 0
        for arrived, served, ended in zip(it.arrived_us, it.served_us, it.ended_us, strict=True):
            free = max(free, arrived) + served
            assert free == ended
        assert 0.9 < it.total_us[-1] / TRACE_US < 1.1  # the machines are busy nearly all the time


def _queue(*jobs: tuple[int, int]) -> Background:
    """A queue of jobs of one arrival and one run time each, in minutes."""
    free, ended, total = 0, [], [0]
    for arrived, minutes in jobs:
        free = max(free, arrived * _MINUTE_US) + minutes * _MINUTE_US
        ended.append(free)
        total.append(total[-1] + minutes * _MINUTE_US)
    arrivals = tuple(arrived * _MINUTE_US for arrived, _ in jobs)
    served = tuple(minutes * _MINUTE_US for _, minutes in jobs)
    return Background(arrivals, served, tuple(ended), tuple(total), ((90 * _MINUTE_US, 95 * _MINUTE_US),))


def _load() -> Load:
    return Load(Machine("m", devices()["kolkata"], _queue((0, 10), (0, 10), (0, 10), (25, 10))))


def test_a_job_starts_when_the_others_in_front_of_it_have_ended() -> None:
    run = _load().place(Work(0, "acme", 0, 1000, 21 * _MINUTE_US), 21 * _MINUTE_US, 0, 0)
    assert run.started_us == 30 * _MINUTE_US  # not behind the job that arrived in minute 25


def test_jobs_of_tenants_run_one_after_the_other() -> None:
    load = _load()
    first, second = (load.place(Work(number, "acme", 0, 1000, 0), 21 * _MINUTE_US, 0, 0) for number in range(2))
    assert second.started_us == first.ended_us


def test_a_policy_sees_the_queue_and_a_forecast_but_not_the_future() -> None:
    seen = _load().seen(21 * _MINUTE_US)
    assert (seen.pending, seen.taken, seen.is_open) == (1, 0, True)
    # two jobs of ten minutes ended, and a minute passed since: (20 + 1) / (2 + 1) minutes for the one in front
    assert seen.wait_us == 7 * _MINUTE_US
    assert _load().seen(21 * _MINUTE_US, knows_waits=True).wait_us == 9 * _MINUTE_US


def test_a_machine_that_is_not_active_takes_no_jobs_until_it_opens() -> None:
    assert not _load().seen(92 * _MINUTE_US).is_open
    assert _load().next_us(92 * _MINUTE_US) == 95 * _MINUTE_US
    assert _load().seen(95 * _MINUTE_US).is_open


def _short(name: str = "poisson", seed: int = 1) -> Scenario:
    return scenario(name, hours=3, per_hour=40, seed=seed)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    names = ("fifo", "least-busy", "qos", "ours")
    assert compare(_short(), names).document() == compare(_short(), names).document()
    assert compare(_short(), names).document() != compare(_short(seed=2), names).document()


def test_the_front_with_true_waits_is_not_worse_than_that_with_the_forecast() -> None:
    found = compare(_short(), ("fifo",), fronts=True)
    assert found.limit[0].completion_mean_s <= found.reachable[0].completion_mean_s
    assert found.reachable[0].fidelity_mean <= found.reachable[-1].fidelity_mean


def test_every_job_is_placed_on_a_machine_that_fits_and_was_open() -> None:
    it = _short("bursty")
    for outcome in (_ours(it), simulate(it, partial(Immediate, "FIFO", fifo()))):
        assert len(outcome.runs) == len(outcome.works) > 20
        assert all(it.machines[run.machine].device.circuits[run.work.circuit] for run in outcome.runs)
        assert all(Load(it.machines[run.machine]).seen(run.placed_us).is_open for run in outcome.runs)


def _ours(it: Scenario) -> Outcome:
    return simulate(it, partial(Platform, POLICY, None, it))


def test_best_fidelity_has_the_best_and_least_busy_completes_sooner() -> None:
    it = _short()
    best, soon = (
        measure(simulate(it, partial(Immediate, name, choose)))
        for name, choose in (("best", best_fidelity), ("least busy", least_busy))
    )
    assert best.fidelity_mean > soon.fidelity_mean
    assert soon.completion_mean_s < best.completion_mean_s


def test_a_monopolist_takes_nothing_from_the_others() -> None:
    it = scenario("monopolist", hours=2)
    fair = measure(_ours(it)).fairness
    assert fair is not None
    assert fair.worst_gap < 0.005
    assert fair.worst_part < 0.03
    assert fair.entitled == pytest.approx({"one": 1 / 8, "two": 1 / 4, "four": 1 / 2, "monopolist": 1 / 8})
    unfair = measure(simulate(it, partial(Immediate, "FIFO", fifo()))).fairness
    assert unfair is not None
    assert unfair.worst_gap > 0.5


def test_interactive_jobs_start_soon_while_batch_has_all_machines() -> None:
    it = scenario("classes", hours=2)
    ours, fifo_ = measure(_ours(it)), measure(simulate(it, partial(Immediate, "FIFO", fifo())))
    assert ours.utilisation > 0.98
    assert ours.waits_p95_s["interactive"] < 30 < 600 < ours.waits_p95_s["batch"]
    assert fifo_.waits_p95_s["interactive"] > 600


def test_interactive_jobs_start_soon_while_production_work_has_all_machines() -> None:
    it = scenario("production", hours=2)
    before, ours = measure(simulate(it, partial(Platform, POLICIES["fair-share/7"], None, it))), measure(_ours(it))
    assert ours.waits_p95_s["interactive"] < 30 < before.waits_p95_s["interactive"]
    assert ours.waits_p95_s["production"] < 1.05 * before.waits_p95_s["production"]
    assert ours.utilisation > 0.98


def test_a_reserved_slot_is_kept_free_for_its_holder_and_short_jobs_run_before_it() -> None:
    it = scenario("reserved", hours=2)
    others, ours = (
        measure(simulate(it, create)).reserved
        for create in (partial(Immediate, "least busy", least_busy), partial(Platform, POLICY, None, it))
    )
    assert ours is not None
    assert others is not None
    assert (ours.slots, ours.disturbed) == (1, 0)
    assert others.disturbed > 0.3
    assert ours.used > 0.4
    assert ours.wait_p95_s < others.wait_p95_s / 5


def test_with_the_places_of_the_scheduler_bursts_are_placed_as_without_a_limit() -> None:
    few, many = (
        measure(simulate(it, partial(Platform, POLICY, "balanced", it)))
        for it in (scenario("bursty", hours=12), scenario("bursty", hours=12, places=1000))
    )
    assert few.completion_mean_s == pytest.approx(many.completion_mean_s, rel=0.05)
    assert few.fidelity_mean == pytest.approx(many.fidelity_mean, abs=0.002)


def test_entitlements_follow_weights_and_nothing_that_is_not_wanted_is_assigned() -> None:
    shares = {"a": 1, "b": 2, "c": 1}
    assert entitlements(80, dict.fromkeys(shares, 100), shares) == {"a": 20, "b": 40, "c": 20}
    assert entitlements(80, {"a": 5, "b": 100, "c": 100}, shares) == {"a": 5, "b": 50, "c": 25}


def test_jain_is_one_for_equal_values_and_one_over_n_for_one() -> None:
    assert jain([3, 3, 3]) == 1
    assert jain([1, 0, 0, 0]) == 0.25


def test_a_started_second_costs() -> None:
    assert (cents(1), cents(1_000_000), cents(2_000_001)) == (160, 160, 480)


def test_nsga_places_every_job_and_the_same_seed_decides_alike() -> None:
    it = scenario("bursty", hours=1, per_hour=40)
    found = compare(it, ("nsga2",))
    assert found.measures[0].placed == found.measures[0].jobs > 1
    assert found.document() == compare(it, ("nsga2",)).document()


def test_nsga_as_qonductor_publishes_it_is_asked_for_by_name() -> None:
    """It searches a hundred times as long: see Speed of docs/lab.md."""
    it = scenario("poisson", hours=1)
    assert "qonductor" not in USUAL
    assert COMPARED["qonductor"](it, estimates(it)).name == "NSGA-II of Qonductor"


def test_plots_are_files_and_a_comparison_of_fairness_has_its_own(tmp_path: Path) -> None:
    files = draw(compare(scenario("monopolist", hours=2), ("fifo",)), tmp_path)
    assert [it.name for it in files] == [f"monopolist-{name}.png" for name in ("tradeoff", "completion", "fairness")]
    assert all(it.read_bytes().startswith(b"\x89PNG") for it in files)


@pytest.mark.parametrize(
    ("arguments", "text"), [({"name": "rush"}, "rush"), ({"name": "poisson", "fleet_name": "x"}, "'x'")]
)
def test_unknown_names_are_refused_with_those_that_exist(arguments: dict[str, str], text: str) -> None:
    with pytest.raises(Malformed, match=text):
        scenario(**arguments)  # type: ignore[arg-type]  # names alone
    with pytest.raises(Malformed, match="least-busy"):
        compare(_short(), ("mine",))


def test_too_little_to_measure_is_refused_with_what_to_change() -> None:
    with pytest.raises(Malformed, match="at least 2 hours"):
        scenario("monopolist", hours=1)
    with pytest.raises(Malformed, match="no job arrives: take more hours"):
        compare(scenario("poisson", hours=1, per_hour=0.001), ("fifo",))


def test_the_trace_has_seven_days_and_a_day_is_left_to_learn_from() -> None:
    assert _short().begins_us == DAY_US
    assert max(it.closed_us[-1][0] for it in backgrounds().values()) < TRACE_US


def _of_two_vendors(calls_per_minute: int | None) -> Scenario:
    """Three machines without others: two of one vendor, and one of another."""
    names = (("cairo", "a"), ("hanoi", "a"), ("kolkata", "b"))
    machines = tuple(Machine(name, devices()[name], None, vendor=vendor) for name, vendor in names)
    it = scenario("poisson", hours=2, per_hour=100, calls_per_minute=calls_per_minute)
    return replace(it, machines=machines)


@pytest.mark.parametrize("policy", ["fifo", "least-busy", "ours-time"])
def test_no_vendor_gets_more_calls_in_a_minute_than_it_allows(policy: str) -> None:
    it = _of_two_vendors(1)
    found = simulate(it, partial(COMPARED[policy], it))
    for vendor in ("a", "b"):
        sent = sorted(run.sent_us for run in found.runs if it.machines[run.machine].vendor == vendor)
        assert all(later - one >= _MINUTE_US - 1_000 for one, later in pairwise(sent))
    assert all(run.started_us >= run.sent_us >= run.placed_us for run in found.runs)


def test_policies_that_look_at_the_wait_use_the_vendor_that_still_allows_calls() -> None:
    def shares(policy: str, calls_per_minute: int | None) -> tuple[float, float]:
        it = _of_two_vendors(calls_per_minute)
        found = simulate(it, partial(COMPARED[policy], it))
        of_b = sum(it.machines[run.machine].vendor == "b" for run in found.runs)
        return of_b / len(found.runs), measure(found).completion_mean_s

    of_b, completion_s = shares("ours-time", 1)
    assert shares("ours-time", None)[0] > 0.9, "its device is the quickest"
    assert 0.45 < of_b < 0.55, "both vendors allow as many calls"
    assert completion_s < shares("fifo", 1)[1] / 4, "FIFO takes machines by turns"
