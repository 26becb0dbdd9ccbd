"""Explanations for people."""

from typing import Any

from queuebit_cli.output import Output
from queuebit_cli.render_explanations import explanation_lines
from queuebit_cli.render_tables import moment

AT = "2026-01-01T00:00:00.000000Z"

ROW: dict[str, Any] = {
    "job": "j1",
    "backend": "cirq",
    "policy": "fair-share/3",
    "at": AT,
    "waited_ms": 7,
    "position": 2,
    "waiting": {"acme": 3},
    "tenants": [
        {"tenant": "acme", "share": 2, "usage_us": 600_000, "cost_us": 2_000, "rank_us": 301_000},
        {"tenant": "other-2", "rank_us": 900_000},
    ],
    "backends": [
        {
            "backend": "cirq", "chosen": True, "cost_rank": 0, "expected_us": 9_000, "completion_us": 12_000,
            "esp_ppm": 1_000_000, "free": 3, "reason": "",
        },
        {
            "backend": "aer", "chosen": False, "cost_rank": 0, "expected_us": 9_000, "completion_us": None,
            "esp_ppm": 940_000, "free": 0, "reason": "aer had not registered",
        },
    ],
    "rule": "only",
    "decided": "it was the only candidate with a free place",
}  # fmt: skip


def test_a_placement_is_shown_with_all_that_was_compared() -> None:
    assert explanation_lines(ROW, Output(as_json=False)) == [
        f"j1 was placed on cirq at {moment(AT)}, by fair-share/3",
        "  It had waited 7 ms; jobs that could be placed at this moment: acme 3. "
        "Jobs placed before it in the same cycle: 1. "
        "Of 2 tenants acme was next: its (usage + cost) / share was the least.",
        "  cirq: it was the only candidate with a free place.",
        "",
        "  backend  chosen  cost rank  runs  done in  success  free  why not",
        "  cirq     yes             0  9 ms  12 ms       100%     3",
        "  aer      no              0  9 ms               94%     0  aer had not registered",
        "",
        "  tenant   share  usage   cost  rank",
        "  acme         2  600 ms  2 ms  301 ms",
        "  other-2                       900 ms",
    ]


def test_a_job_on_its_fallback_says_instead_of_what() -> None:
    lines = explanation_lines({**ROW, "instead_of": ["kyiv", "torino"], "out_since": AT}, Output(as_json=False))
    assert lines[2] == (
        f"  It fell back: kyiv and torino out of service since {moment(AT)}. "
        "cirq: it was the only candidate with a free place."
    )


def test_a_job_that_gave_way_and_the_other_one_name_each_other() -> None:
    way = {"to": "j2", "rule": "class", "gained_ms": 40_000}
    behind = explanation_lines({**ROW, "gave_way": way}, Output(as_json=False))
    sentence = "It had a place and had not started: it was placed again behind j2, whose class is higher"
    assert behind[1] == f"  {sentence} and which starts about 40.0 s sooner."
    assert not any("rank" in it and "share" in it for it in behind), (
        "it took no turn, so there are no tenants to compare"
    )
    before = explanation_lines({**ROW, "moved": ["j3", "j4"], "gained_ms": 40_000}, Output(as_json=False))[2]
    assert before.startswith(
        "  Jobs that had a place and had not started gave way to it, j3, j4: it starts about 40.0 s sooner. cirq: "
    )


def test_a_job_that_was_moved_says_where_it_waited() -> None:
    moved = {"left": "aer", "gained_ms": 40_000}
    lines = explanation_lines({**ROW, "improved": moved, "decided": "it was better"}, Output(as_json=False))
    text = " ".join(it.strip() for it in lines)
    sentence = (
        "It had a place on aer and had not started. It was moved, because it is expected to end about 40.0 s sooner"
    )
    assert f"{sentence} here. cirq: it was better." in text
    assert "rank" not in text.replace("cost rank", "")


def test_a_job_of_a_session_says_whether_it_ran_first_for_it() -> None:
    first = explanation_lines({**ROW, "session": "s1", "runs_first": True}, Output(as_json=False))[1]
    assert first.endswith("It runs first: session s1.")
    own_turn = explanation_lines({**ROW, "session": "s1", "runs_first": False}, Output(as_json=False))[1]
    assert "Session s1 had received its part of the backend" in own_turn
    assert own_turn.endswith("acme was next: its (usage + cost) / share was the least.")


def test_a_job_that_may_share_its_device_says_with_whose_circuits() -> None:
    for word, whose in (("tenant", "projects of its tenant."), ("anyone", "projects of any tenant that agreed.")):
        text = " ".join(explanation_lines({**ROW, "shared_device": word}, Output(as_json=True)))
        assert f"it may run at the same time as small circuits of {whose}" in text


def test_a_placement_that_cannot_be_explained_says_why() -> None:
    row = {"job": "j1", "backend": "aer", "policy": "p/1", "at": AT, "unexplained": "it was not kept"}
    assert explanation_lines(row, Output(as_json=False))[1:] == ["  it was not kept"]


def test_a_tenant_that_was_alone_is_compared_with_no_other() -> None:
    alone = {**ROW, "tenants": ROW["tenants"][:1]}
    assert "No other tenant was ready." in explanation_lines(alone, Output(as_json=False))[1]
