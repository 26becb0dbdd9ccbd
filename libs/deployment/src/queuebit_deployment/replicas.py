"""Compares the replicas of streams, from what each server says of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Replica", "Row", "compare", "replicas_in"]


@dataclass(frozen=True, slots=True)
class Replica:
    """One server's copy of one stream."""

    stream: str
    server: str
    leader: str
    """The leader, as this server knows it; empty if there is none."""
    peers: frozenset[str]
    """The servers that have a copy, as this server knows them."""
    wanted: int
    """How many copies the stream should have."""
    first: int
    last: int
    messages: int


@dataclass(frozen=True, slots=True)
class Row:
    """A replica as it is judged."""

    stream: str
    server: str
    role: str
    """`leader`, `follower`, or empty if it is not known."""
    last: int | None
    messages: int | None
    found: str
    """What is wrong with it; empty if nothing is."""


def replicas_in(answers: Iterable[Mapping[str, Any]]) -> list[Replica]:
    """The replicas in the answers of servers to `PING.JSZ`, whose form is nats-server's own."""
    found = []
    for answer in answers:
        server = str(answer["server"]["name"])
        for account in answer.get("data", {}).get("account_details") or ():
            for stream in account.get("stream_detail") or ():
                cluster, state = stream.get("cluster") or {}, stream["state"]
                leader = str(cluster.get("leader") or ("" if cluster else server))
                named = {str(it["name"]) for it in cluster.get("replicas") or ()}
                found.append(
                    Replica(
                        str(stream["name"]),
                        server,
                        leader,
                        frozenset({server, leader, *named} - {""}),
                        int((stream.get("config") or {}).get("num_replicas", 1)),
                        int(state["first_seq"]),
                        int(state["last_seq"]),
                        int(state["messages"]),
                    )
                )
    return found


def compare(before: Sequence[Replica], now: Sequence[Replica], servers: Iterable[str] = ()) -> list[Row]:
    """Judge each replica.

    A stream grows between the answers of two servers, so one look shows nothing. A replica lags if it has not yet
    stored now what the leader had before; it differs if it holds other messages than the leader at the same end, in
    both looks.

    Args:
        before: a first look.
        now: a second one, some time later.
        servers: all that should answer; default: those that any answer names.
    """
    looks = [_by_stream(before), _by_stream(now)]
    answered = {it.server for it in now}
    named = {peer for it in (*before, *now) for peer in it.peers}
    silent = sorted({*servers, *named} - answered)
    rows = [Row("", server, "", None, None, "does not answer") for server in silent]
    for stream in sorted({*looks[0], *looks[1]}):
        rows += _rows(stream, [it.get(stream, {}) for it in looks], silent)
    return rows


def _by_stream(replicas: Iterable[Replica]) -> dict[str, dict[str, Replica]]:
    found: defaultdict[str, dict[str, Replica]] = defaultdict(dict)
    for it in replicas:
        found[it.stream][it.server] = it
    return found


def _rows(stream: str, looks: Sequence[Mapping[str, Replica]], silent: Sequence[str]) -> Iterator[Row]:
    before, now = looks
    copies = [*now.values()]
    if not copies:
        yield Row(stream, "", "", None, None, "no server has it now")
        return
    said = Counter(it.leader for it in copies if it.leader)
    leader = said.most_common(1)[0][0] if said else ""
    if not leader:
        yield Row(stream, "", "", None, None, "has no leader, so that nothing can be stored")
    wanted = max(it.wanted for it in copies)
    peers = {peer for it in (*before.values(), *copies) for peer in it.peers}
    if len(copies) < wanted and peers.isdisjoint(silent):  # of a silent one it is not known what it has
        yield Row(stream, "", "", None, None, f"has {len(copies)} of {wanted} replicas")
    for server, it in sorted(now.items()):
        role = "leader" if server == leader else "follower"
        yield Row(stream, server, role, it.last, it.messages, _found(before, now, server, leader))


def _found(before: Mapping[str, Replica], now: Mapping[str, Replica], server: str, leader: str) -> str:
    if server == leader or leader not in now:
        return ""
    reached = before[leader].last if leader in before else 0
    if now[server].last < reached:
        return f"lags: {reached - now[server].last} behind"
    known = server in before and leader in before
    if known and _differ(before[server], before[leader]) and _differ(now[server], now[leader]):
        more = now[server].messages - now[leader].messages
        return f"differs from {leader}: {abs(more)} messages {'more' if more > 0 else 'fewer'}"
    return ""


def _differ(one: Replica, other: Replica) -> bool:
    """Whether two copies with the same end hold different messages."""
    return one.last == other.last and (one.first, one.messages) != (other.first, other.messages)
