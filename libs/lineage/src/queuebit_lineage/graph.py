"""The graph of what the statements about jobs name. Edges point from what is later to what it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

__all__ = ["Edge", "Graph", "Kind", "Node", "Relation", "Unclear", "find", "graph_of"]

Kind = Literal[
    "job", "circuit", "version", "named", "compiled", "calibration", "data", "result", "user", "tenant", "backend"
]
Relation = Literal["used", "generated", "derived", "associated", "behalf", "informed", "specialises"]
"""Terms of W3C PROV: used, wasGeneratedBy, wasDerivedFrom, wasAssociatedWith, actedOnBehalfOf, wasInformedBy,
specializationOf."""

_Predicate = Mapping[str, Any]  # JSON, as STATEMENT.md of `queuebit_proof` says it

_UPWARDS: Final = ("behalf", "specialises")
_LEAST_HEX: Final = 6
"""The shortest prefix of a digest that names something."""


class Unclear(ValueError):
    """A name fits nothing in the graph, or more than one thing."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that a statement names."""

    id: str
    """Its kind, a colon, and what tells it from others: a name, or the hexadecimal digits of a digest."""
    kind: Kind
    label: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """What one thing has to do with an earlier one."""

    source: str
    relation: Relation
    target: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Things by id in the order in which they were met, and what they have to do with each other."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]

    def of(self, kind: Kind) -> list[Node]:
        """All nodes of a kind."""
        return [it for it in self.nodes.values() if it.kind == kind]

    def around(self, node: str) -> Graph:
        """The part that has to do with one thing: itself, the jobs next to it, and all that is next to these.

        Around a circuit's name are the jobs of all its versions; around a job, those that it repeats or that repeat it.

        Args:
            node: its id.
        """
        roots = {node}
        while more := {it.source for it in self.edges if it.relation == "specialises" and it.target in roots} - roots:
            roots |= more
        jobs = self._next(roots, "job")
        if self.nodes[node].kind == "job":
            jobs |= {node}
        kept = roots | jobs | {it for it in self._next(jobs) if self.nodes[it].kind != "job"}
        while more := {it.target for it in self.edges if it.source in kept and it.relation in _UPWARDS} - kept:
            kept |= more
        nodes = {id_: it for id_, it in self.nodes.items() if id_ in kept}
        return Graph(nodes, tuple(it for it in self.edges if it.source in nodes and it.target in nodes))

    def _next(self, nodes: set[str], kind: Kind | None = None) -> set[str]:
        found = {it.target for it in self.edges if it.source in nodes} | {
            it.source for it in self.edges if it.target in nodes
        }
        return {it for it in found if kind is None or self.nodes[it].kind == kind}


def graph_of(predicates: Iterable[_Predicate]) -> Graph:
    """The graph of statements about jobs; of a job with several, the one with the highest revision counts.

    Args:
        predicates: of the statements, verified.
    """
    newest: dict[str, _Predicate] = {}
    for it in predicates:
        job = str(it["job"]["id"])
        if job not in newest or it.get("revision", 0) >= newest[job].get("revision", 0):
            newest[job] = it
    building = _Building()
    for it in newest.values():
        building.add(it)
    return Graph(building.nodes, tuple(dict.fromkeys(building.edges)))


def find(graph: Graph, name: str) -> Node:
    """The thing that is meant: an id, a digest or the begin of one, a job, `NAME@VERSION`, or a name.

    Raises:
        Unclear: nothing is called so, or more than one thing.
    """
    wanted = name.removeprefix("sha256:")
    exact = [it for it in graph.nodes.values() if name == it.id or wanted == it.id.partition(":")[2]]
    if not exact and len(wanted) >= _LEAST_HEX:
        exact = [it for it in graph.nodes.values() if it.id.partition(":")[2].startswith(wanted)]
    if len(exact) == 1:
        return exact[0]
    if not exact:
        raise Unclear(f"no job here names {name}: give a job, a digest, NAME or NAME@VERSION")
    shown = ", ".join(it.id for it in exact[:4])
    raise Unclear(f"{name} can be {shown}{' and more' if len(exact) > 4 else ''}: give one of them")


class _Building:
    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def add(self, stated: _Predicate) -> None:
        job = self._job(stated)
        self._people(job, stated)
        circuit = self._content("circuit", stated.get("circuit_digest"), _texts(stated, "canonical_digest"))
        self._edge(job, "used", circuit)
        if named := stated.get("circuit"):
            self._version(circuit, str(named["name"]), int(named["version"]))
        for it in stated.get("inputs", ()):
            data = Node(
                f"data:{it['name']}@{it['version']}", "data", f"{it['name']} {it['version']}", _texts(it, "digest")
            )
            self._edge(job, "used", self._node(data))
        made, run = stated.get("compiled", {}), stated.get("run", {})
        compiled = self._content("compiled", made.get("digest"), _texts(made, "compiler", "seed"))
        self._edge(job, "used", compiled)
        self._edge(compiled, "derived", circuit)
        device = _texts(run, "calibrated_at", "backend")
        self._edge(job, "used", self._content("calibration", run.get("calibration_digest"), device))
        self._edge(self._content("result", stated.get("result_digest"), {}), "generated", job)

    def _job(self, stated: _Predicate) -> str:
        about, run, outcome = stated["job"], stated.get("run", {}), stated.get("outcome", {})
        id_ = f"job:{about['id']}"
        facts = {
            **_texts(about, "project", "purpose", "rerun_of"),
            "state": str(outcome.get("state", "")),
            **_texts(run, "shots", "simulator_seed", "attempt"),
            **_texts(stated.get("times", {}), "submitted_at", "started_at", "finished_at"),
        }
        self.nodes[id_] = Node(id_, "job", str(about["id"]), facts)
        if first := about.get("rerun_of"):
            self._node(Node(f"job:{first}", "job", str(first)))
            self._edge(id_, "informed", f"job:{first}")
        if backend := run.get("backend"):
            self._node(Node(f"backend:{backend}", "backend", str(backend)))
            self._edge(id_, "associated", f"backend:{backend}")
        return id_

    def _people(self, job: str, stated: _Predicate) -> None:
        about = stated["job"]
        tenant = f"tenant:{about['tenant']}"
        self._node(Node(tenant, "tenant", str(about["tenant"])))
        if actor := about.get("actor"):
            user = f"user:{about['tenant']}/{actor}"
            self._node(Node(user, "user", str(actor)))
            self._edge(job, "associated", user)
            self._edge(user, "behalf", tenant)

    def _version(self, circuit: str | None, name: str, number: int) -> None:
        version = self._node(Node(f"version:{name}@{number}", "version", f"{name} v{number}"))
        self._edge(circuit, "specialises", version)
        self._edge(version, "specialises", self._node(Node(f"named:{name}", "named", name)))

    def _content(self, kind: Kind, digest: object, facts: Mapping[str, str]) -> str | None:
        """The node of content that has a digest; None if it has none."""
        if not isinstance(digest, str):
            return None
        digits = digest.removeprefix("sha256:")
        return self._node(Node(f"{kind}:{digits}", kind, digits[:12], {**facts, "digest": digest}))

    def _node(self, node: Node) -> str:
        """Add a node, unless as much is known of it already; return its id."""
        known = self.nodes.get(node.id)
        if known is None or len(known.facts) < len(node.facts):
            self.nodes[node.id] = node
        return node.id

    def _edge(self, source: str | None, relation: Relation, target: str | None) -> None:
        if source is not None and target is not None:
            self.edges.append(Edge(source, relation, target))


def _texts(values: Mapping[str, Any], *names: str) -> dict[str, str]:  # JSON
    return {it: str(values[it]) for it in names if values.get(it) is not None}
