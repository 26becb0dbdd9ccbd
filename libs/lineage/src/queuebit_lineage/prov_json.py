"""A graph as PROV-JSON (W3C member submission of 2013), with the terms of PROV-DM."""

from __future__ import annotations

from typing import Any, Final

from queuebit_lineage.graph import Graph, Node, Relation

__all__ = ["prov_json"]

_BASE: Final = "https://queuebit.dev/prov/"
_AGENTS: Final = {"user": "prov:Person", "tenant": "prov:Organization", "backend": "prov:SoftwareAgent"}
_RELATIONS: Final[dict[Relation, tuple[str, str, str]]] = {
    "used": ("used", "prov:activity", "prov:entity"),
    "generated": ("wasGeneratedBy", "prov:entity", "prov:activity"),
    "derived": ("wasDerivedFrom", "prov:generatedEntity", "prov:usedEntity"),
    "associated": ("wasAssociatedWith", "prov:activity", "prov:agent"),
    "behalf": ("actedOnBehalfOf", "prov:delegate", "prov:responsible"),
    "informed": ("wasInformedBy", "prov:informed", "prov:informant"),
    "specialises": ("specializationOf", "prov:specificEntity", "prov:generalEntity"),
}


def prov_json(graph: Graph) -> dict[str, Any]:
    """The document; jobs are activities, users and backends agents, and all else entities."""
    kinds = dict.fromkeys(it.kind for it in graph.nodes.values())
    document: dict[str, Any] = {"prefix": {"qb": f"{_BASE}terms#", **{it: f"{_BASE}{it}/" for it in kinds}}}
    for node in graph.nodes.values():
        document.setdefault(_class(node), {})[node.id] = _attributes(node)
    for number, edge in enumerate(graph.edges, start=1):
        name, source, target = _RELATIONS[edge.relation]
        document.setdefault(name, {})[f"_:r{number}"] = {source: edge.source, target: edge.target}
    return document


def _class(node: Node) -> str:
    return "activity" if node.kind == "job" else "agent" if node.kind in _AGENTS else "entity"


def _attributes(node: Node) -> dict[str, Any]:
    facts = dict(node.facts)
    times: dict[str, Any] = {}
    if node.kind == "job":
        begin = facts.pop("started_at", None)
        if begin:
            times["prov:startTime"] = begin
        if end := facts.pop("finished_at", None):
            times["prov:endTime"] = end
    kind = {"$": _AGENTS.get(node.kind, f"qb:{node.kind}"), "type": "prov:QUALIFIED_NAME"}
    return {**times, "prov:type": kind, "prov:label": node.label, **{f"qb:{it}": value for it, value in facts.items()}}
