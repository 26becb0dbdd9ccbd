"""The sampler: what is one job, what it costs, and what its results hold."""

from __future__ import annotations

import pickle
from pathlib import Path

import cirq
import duet
import pytest
import sympy

from queuebit import Client, InvalidInput, JobFailed, Money
from queuebit_cirq import QueuebitSampler
from queuebit_testing.local_platform import LocalPlatform

A, B, C = cirq.LineQubit.range(3)
t = sympy.Symbol("t")
ROTATED = cirq.Circuit(cirq.X(A) ** t, cirq.CX(A, C), cirq.measure(A, B, C, key="m"))


def test_a_sweep_is_one_job_of_one_circuit(sampler: QueuebitSampler, platform: LocalPlatform) -> None:
    results = sampler.run_sweep(ROTATED, cirq.Linspace("t", 0, 1, 3), repetitions=100)
    assert [result.params["t"] for result in results] == [0, 0.5, 1]
    assert [sorted(result.histogram(key="m")) for result in results] == [[0], [0, 5], [5]]
    assert {result.job.id for result in results} == {*sampler.job_ids}
    (submission,) = platform.submissions
    assert submission.data.circuit.inline is not None
    assert submission.data.circuit.inline.count("OPENQASM") == 1


def test_each_call_of_the_base_class_works(sampler: QueuebitSampler) -> None:
    assert sampler.run(ROTATED, {"t": 1}).measurements["m"].tolist() == [[1, 0, 1]]
    assert sampler.sample(ROTATED, params=[{"t": 0}, {"t": 1}])["m"].tolist() == [0, 5]
    (expected,) = sampler.sample_expectation_values(cirq.Circuit(cirq.X(A)), [cirq.Z(A)], num_samples=10)
    assert expected == [-1]
    many = duet.run(duet.pmap_async, lambda value: sampler.run_async(ROTATED, {"t": value}), [0, 1, 0])
    assert [int(result.measurements["m"][0, 0]) for result in many] == [0, 1, 0]


def test_symbols_that_openqasm_cannot_have_get_their_values_here(
    sampler: QueuebitSampler, platform: LocalPlatform
) -> None:
    circuit = cirq.Circuit(cirq.X(A) ** sympy.Abs(t), cirq.measure(A, key="m"))
    results = sampler.run_sweep(circuit, [{"t": -1}, {"t": 0}, {t: -1}])
    assert [int(result.measurements["m"][0, 0]) for result in results] == [1, 0, 1]
    assert len(platform.submissions) == 1
    with pytest.raises(InvalidInput, match=r"parameters without values \(t\)"):
        sampler.run(ROTATED)
    with pytest.raises(InvalidInput, match="parameters without values"):
        sampler.run(ROTATED, {"t": sympy.Symbol("u")})


def test_a_circuit_with_more_symbols_than_an_item_has_parameters_is_sent_with_their_values(
    sampler: QueuebitSampler, platform: LocalPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_cirq.sampler.MOST_INPUTS", 0)
    results = sampler.run_sweep(ROTATED, cirq.Points("t", [0, 1, 0]))
    assert [result.measurements["m"].tolist() for result in results] == [[[0, 0, 0]], [[1, 0, 1]], [[0, 0, 0]]]
    (submission,) = platform.submissions
    assert submission.data.circuit.inline is not None
    assert "input float" not in submission.data.circuit.inline


def test_a_batch_is_one_job_also_with_different_repetitions(sampler: QueuebitSampler) -> None:
    programs = [ROTATED, cirq.Circuit(cirq.X(B), cirq.measure(B)), ROTATED]
    results = sampler.run_batch(programs, [cirq.Points("t", [0, 1]), None, {"t": 1}], repetitions=3)
    assert [[int(it.repetitions) for it in mine] for mine in results] == [[3, 3], [3], [3]]
    assert [next(iter(it.measurements.values()))[0].tolist() for mine in results for it in mine] == [
        [0, 0, 0], [1, 0, 1], [1], [1, 0, 1],
    ]  # fmt: skip
    assert len(sampler.jobs) == 1
    again = sampler.run_batch(programs, [{"t": 0}, None, {"t": 1}], repetitions=[2, 3, 2])
    assert [mine[0].repetitions for mine in again] == [2, 3, 2]
    assert len(sampler.jobs) == 2
    assert sampler.run_batch([]) == sampler.run_sweep(ROTATED, []) == sampler.estimate(ROTATED, []) == []


def test_options_reach_the_platform_and_the_price_is_known(client: Client, platform: LocalPlatform) -> None:
    with QueuebitSampler(client, backend="aer", max_cost="0.10", tags=["vqe"], seed=7, key="run") as sampler:
        (row,) = sampler.estimate(ROTATED, cirq.Points("t", [0, 1]), repetitions=10)
        assert (row["backend"], row["cost"]) == ("aer", "0.01")
        assert not platform.submissions
        first = sampler.run(ROTATED, {"t": 0.5}, repetitions=20)
        sampler.run(ROTATED, {"t": 0.5}, repetitions=20)
        assert sampler.charge() == Money.of("0.02")
        assert first.job.status().charge == Money.of("0.01")
    asked = platform.submissions[0].data
    assert asked.max_cost is not None
    assert (asked.backend, asked.max_cost.amount, asked.tags, asked.seed) == ("aer", "0.10", ("vqe",), 7)
    with QueuebitSampler(client, backend="aer", max_cost="0.10", tags=["vqe"], seed=7, key="run") as again:
        assert again.run(ROTATED, {"t": 0.5}, repetitions=20) == first
    assert [it.data.key for it in platform.submissions] == ["run/1", "run/2"]


def test_a_copy_of_a_result_is_one_of_cirq(sampler: QueuebitSampler, tmp_path: Path) -> None:
    result = sampler.run(ROTATED, {"t": 0.5}, repetitions=20)
    cirq.to_json(result, tmp_path / "result.json")
    for copy in (cirq.read_json(tmp_path / "result.json"), pickle.loads(pickle.dumps(result))):
        assert (copy, type(copy)) == (result, cirq.ResultDict)


def test_shots_have_no_order_of_outcomes(sampler: QueuebitSampler) -> None:
    first = sampler.run(ROTATED, {"t": 0.5}, repetitions=200).measurements["m"][:, 0]
    assert 0 < first[:100].sum() < first.sum()


def test_a_failed_item_is_named_with_its_parameters(sampler: QueuebitSampler) -> None:
    circuit = cirq.Circuit(cirq.X(A) ** sympy.sqrt(t), cirq.measure(A, key="m"))
    with pytest.raises(JobFailed, match=r"item 1 \(t=-1\): .*has what the others returned") as caught:
        sampler.run_sweep(circuit, cirq.Points("t", [1, -1]))
    assert caught.value.job == sampler.job_ids[0]


@pytest.mark.parametrize(
    ("circuit", "repetitions", "text"),
    [
        (cirq.Circuit(cirq.X(A)), 1, "measures nothing"),
        (ROTATED[:0] + cirq.measure(A), "many", "shots must be"),
        (ROTATED[:0] + cirq.measure(A), 0, "ask for at least 1"),
    ],
)
def test_what_cannot_run_is_not_sent(
    sampler: QueuebitSampler, platform: LocalPlatform, circuit: cirq.Circuit, repetitions: int, text: str
) -> None:
    with pytest.raises(InvalidInput, match=text):
        sampler.run(circuit, repetitions=repetitions)
    assert not platform.submissions
