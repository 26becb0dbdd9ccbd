"""Ready workloads by the client: their jobs, keys and limits, and what their results mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from queuebit import Client, InvalidInput, JobFailed, Money, NotFound, Reason, Refused, template_runs
from queuebit.records import Result
from queuebit_contracts.wire import Reason as WireReason
from queuebit_templates import Item, Measured, Parameters, Program, Steps
from queuebit_testing.local_platform import LocalPlatform, local_credential

SMALL: dict[str, Any] = {"sweeps": 1, "layers": 0, "shots": 100}


def test_a_template_says_what_its_results_mean(client: Client, platform: LocalPlatform) -> None:
    run = client.template("grover", marked="1011", tags=["search"])
    assert (run.most_jobs, run.parameters["marked"], platform.submissions) == (1, "1011", [])
    reading = run.result()
    assert (reading.values["found"], reading.values["is_marked"]) == ("1011", True)
    assert run.result() is reading
    assert (len(run.jobs), run.charge()) == (1, Money.of("0.01"))
    (sent,) = platform.submissions
    assert (sent.data.label, sent.data.tags, sent.data.circuit.media_type) == (
        "template grover", ("search",), "text/x-openqasm",
    )  # fmt: skip


def test_all_outputs_reach_the_reading(client: Client) -> None:
    assert client.template("bell").result().values["entangled"] is True  # expectation values beside counts
    keys = client.template("bb84", signals=200).result().values  # the outcome of each shot
    assert keys["alice_key"] == keys["bob_key"] != ""


def test_several_jobs_are_submitted_one_after_another(client: Client, platform: LocalPlatform) -> None:
    seen: list[tuple[int, int]] = []
    run = client.template("vqe", **SMALL)
    run.result(report=lambda number, most: seen.append((number, most)))
    assert seen == [(it, 3) for it in (1, 2, 3)]
    assert len(platform.submissions) == len(run.jobs) == run.most_jobs == 3
    assert run.charge() == Money.of("0.03")


def test_a_key_names_the_jobs_of_a_template(client: Client, platform: LocalPlatform) -> None:
    first = client.template("vqe", key="h2", **SMALL)
    again = client.template("vqe", key="h2", **SMALL)
    assert first.result() == again.result()
    assert [it.id for it in first.jobs] == [it.id for it in again.jobs]
    assert len(platform.submissions) == 3
    client.template("vqe", key="h2", **{**SMALL, "seed": 2}).result()
    client.template("vqe", **SMALL).result()
    assert len(platform.submissions) == 9


def test_the_limit_of_one_job_is_its_own_and_several_share_a_session(client: Client, platform: LocalPlatform) -> None:
    client.template("ghz", max_cost="0.50").result()
    (only,) = platform.submissions
    assert only.data.max_cost is not None
    assert (only.data.max_cost.amount, only.data.session) == ("0.50", None)
    client.template("vqe", max_cost="0.50", **SMALL).result()
    several = platform.submissions[1:]
    assert len({it.data.session for it in several}) == 1
    assert None not in {it.data.session for it in several}
    (session,) = platform._sessions.values()
    assert session.cap is not None
    assert session.cap.amount == "0.50"


def test_after_an_error_a_second_call_continues_with_the_same_jobs(
    client: Client, platform: LocalPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, measured, calls = client.template("vqe", **SMALL), template_runs._measured, 0

    def fails_once(result: Result) -> list[Measured]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise JobFailed("j", Reason("lost", "the answer was lost"))
        return measured(result)

    monkeypatch.setattr(template_runs, "_measured", fails_once)
    with pytest.raises(JobFailed):
        run.result()
    assert run.result().values["energy"]
    assert len(platform.submissions) == 3, "the two jobs of the first call are found again"


def test_an_item_that_failed_fails_the_template(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(_: Parameters) -> Steps:
        yield Program((Item("qubit q; bit c; c = measure q;"), Item("nonsense")), 10)
        raise AssertionError

    run = client.template("bell")
    monkeypatch.setattr(run._run, "_template", replace(run._run._template, steps=steps))
    with pytest.raises(JobFailed, match="item 1: "):
        run.result()


def test_a_refusal_has_its_reasons() -> None:
    platform = LocalPlatform(refuse=[WireReason(code="budget", text="the budget is spent")])
    with Client(local_credential(), transport=platform) as client, pytest.raises(Refused, match="the budget is spent"):
        client.template("ghz").result()


def test_unknown_templates_and_parameters_are_refused_before_anything_is_sent(
    client: Client, platform: LocalPlatform
) -> None:
    with pytest.raises(NotFound, match="did you mean grover"):
        client.template("grovre")
    with pytest.raises(InvalidInput, match=r"there is no parameter 'm'.*qb template show ghz"):
        client.template("ghz", m=3)
    assert platform.submissions == []


def test_a_plan_is_that_of_the_first_job(client: Client, platform: LocalPlatform) -> None:
    run = client.template("qaoa-maxcut", grid=3)
    assert [it["backend"] for it in run.plan()] == ["aer", "cirq"]
    assert (len(run.program.items), platform.submissions) == (9, [])
