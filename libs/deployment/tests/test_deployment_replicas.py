"""What is said of replicas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from queuebit_deployment.replicas import Replica, Row, compare, replicas_in

ALL = frozenset({"n1", "n2", "n3"})


def copies(**last: int) -> list[Replica]:
    """Replicas of `LOG` with these ends, led by `n1`."""
    return [Replica("LOG", name, "n1", ALL, 3, 1, end, end) for name, end in last.items()]


def troubles(before: list[Replica], now: list[Replica]) -> dict[str, str]:
    return {it.server: it.found for it in compare(before, now) if it.found}


def test_replicas_that_grow_while_servers_are_asked_are_equal() -> None:
    assert troubles(copies(n1=10, n2=8, n3=9), copies(n1=30, n2=10, n3=29)) == {}


def test_a_replica_that_has_not_what_the_leader_had_before_lags() -> None:
    assert troubles(copies(n1=10, n2=5, n3=10), copies(n1=30, n2=7, n3=29)) == {"n2": "lags: 3 behind"}


def test_a_replica_with_other_messages_at_the_same_end_differs() -> None:
    before = [replace(it, messages=6) if it.server == "n3" else it for it in copies(n1=10, n2=10, n3=10)]
    assert troubles(before, before) == {"n3": "differs from n1: 4 messages fewer"}
    assert troubles(copies(n1=10, n2=10, n3=10), before) == {}, "a deletion on its way is no difference"


def test_a_server_that_does_not_answer_is_named_once() -> None:
    found = compare(copies(n1=10, n2=10), copies(n1=10, n2=10))
    assert found[0] == Row("", "n3", "", None, None, "does not answer")
    assert [it.found for it in found[1:]] == ["", ""]


def test_a_stream_without_a_leader_or_with_too_few_copies_is_named() -> None:
    lost = [replace(it, leader="", peers=frozenset({it.server})) for it in copies(n1=10, n2=10)]
    assert [it.found for it in compare(lost, lost) if it.found] == [
        "has no leader, so that nothing can be stored",
        "has 2 of 3 replicas",
    ]


def test_a_silent_server_without_the_stream_hides_no_missing_copy() -> None:
    two = [replace(it, peers=frozenset({"n1", "n2"})) for it in copies(n1=10, n2=10)]
    found = [it.found for it in compare(two, two, ("n1", "n2", "gateway")) if it.found]
    assert found == ["does not answer", "has 2 of 3 replicas"]


def answer(server: str, **cluster: Any) -> dict[str, Any]:
    state = {"first_seq": 1, "last_seq": 7, "messages": 7}
    stream = {"name": "LOG", "config": {"num_replicas": 3}, "cluster": cluster, "state": state}
    return {"server": {"name": server}, "data": {"account_details": [{"stream_detail": [stream]}]}}


def test_answers_of_servers_are_read() -> None:
    found = replicas_in([answer("n1", leader="n1", replicas=[{"name": "n2"}, {"name": "n3"}])])
    assert found == [Replica("LOG", "n1", "n1", ALL, 3, 1, 7, 7)]
    (single,) = replicas_in([answer("queuebit")])
    assert single.leader == "queuebit"
    assert replicas_in([{"server": {"name": "n9"}}]) == []
