"""A graph as the metadata document of an RO-Crate 1.2 (Process Run Crate 0.5): one action for each job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from queuebit_lineage.graph import Graph, Node

__all__ = ["METADATA", "ro_crate"]

METADATA: Final = "ro-crate-metadata.json"
"""The name of the document in the folder of the crate."""

_CONTEXT: Final = ["https://w3id.org/ro/crate/1.2/context", "https://w3id.org/ro/terms/workflow-run/context"]
_PROFILE: Final = "https://w3id.org/ro/wfrun/process/0.5"
_TYPES: Final = {
    "user": "Person", "tenant": "Organization", "backend": "SoftwareApplication", "data": "Dataset",
}  # fmt: skip
_ENDS: Final = {"completed": "http://schema.org/CompletedActionStatus"}
_FAILED: Final = "http://schema.org/FailedActionStatus"


def ro_crate(graph: Graph, name: str, published: str, files: Mapping[str, str]) -> dict[str, Any]:
    """The metadata document.

    Args:
        graph: what is described.
        name: of the crate.
        published: when it is made, as a date or time of ISO 8601.
        files: the files in the folder beside the document, by name with their media type.
    """
    actions = [_ref(it) for it in graph.of("job")]
    tenants = ", ".join(it.label for it in graph.of("tenant")) or "its author"
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": name,
        "description": f"{name}: what was run on Queuebit, and what it came from",
        "datePublished": published,
        "license": f"All rights belong to {tenants}",
        "conformsTo": {"@id": _PROFILE},
        "hasPart": [{"@id": it} for it in files],
        "mentions": actions,
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.2"},
        "about": {"@id": "./"},
    }
    profile = {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    parts = [{"@id": it, "@type": "File", "name": it, "encodingFormat": media} for it, media in files.items()]
    described = [_action(graph, it) if it.kind == "job" else _thing(it) for it in graph.nodes.values()]
    return {"@context": _CONTEXT, "@graph": [descriptor, root, profile, *parts, *described]}


def _ref(node: Node) -> dict[str, str]:
    return {"@id": f"#{node.id.replace(':', '-', 1)}"}


def _thing(node: Node) -> dict[str, Any]:
    digest = node.facts.get("digest", "")
    about = {**_ref(node), "@type": _TYPES.get(node.kind, "CreativeWork"), "name": f"{node.kind} {node.label}"}
    return about | ({"identifier": digest, "sha256": digest.removeprefix("sha256:")} if digest else {})


def _action(graph: Graph, job: Node) -> dict[str, Any]:
    def next_to(relation: str, *kinds: str, backwards: bool = False) -> list[dict[str, str]]:
        ends = [
            (it.source if backwards else it.target)
            for it in graph.edges
            if it.relation == relation and (it.target if backwards else it.source) == job.id
        ]
        return [_ref(graph.nodes[it]) for it in ends if not kinds or graph.nodes[it].kind in kinds]

    state = job.facts.get("state", "")
    found: dict[str, Any] = {
        **_ref(job),
        "@type": "CreateAction",
        "name": f"job {job.label}",
        "identifier": job.label,
        "actionStatus": {"@id": _ENDS.get(state, _FAILED)},
        "object": next_to("used"),
        "result": next_to("generated", backwards=True),
        "agent": next_to("associated", "user"),
        "instrument": next_to("associated", "backend"),
    }
    for name, fact in (("description", "purpose"), ("startTime", "started_at"), ("endTime", "finished_at")):
        if fact in job.facts:
            found[name] = job.facts[fact]
    return {name: value for name, value in found.items() if value != []}
