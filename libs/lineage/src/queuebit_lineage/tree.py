"""A graph as a tree of text, from one thing on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from queuebit_lineage.graph import Graph, Node

__all__ = ["described", "tree"]

_FORWARD: Final = {
    "used": "used", "generated": "of", "derived": "compiled from", "associated": "by", "behalf": "of",
    "informed": "repeats", "specialises": "is",
}  # fmt: skip
_BACKWARD: Final = {
    "used": "used by", "generated": "gave", "derived": "compiled to", "associated": "did", "behalf": "has",
    "informed": "repeated by", "specialises": "source",
}  # fmt: skip
_SHOWN: Final = {
    "state": "{}", "purpose": "{}", "shots": "{} shots", "simulator_seed": "seed {}", "calibrated_at": "{}",
    "compiler": "{}", "backend": "{}", "digest": "{}",
}  # fmt: skip
_DEEP: Final = 4


def tree(graph: Graph, root: str) -> list[str]:
    """Lines of text: the root, and below it what it has to do with; nothing is shown in full twice.

    Args:
        graph: that has the root.
        root: its id.
    """
    return [described(graph.nodes[root]), *_below(graph, root, {root}, "", 1)]


def described(node: Node) -> str:
    """A node in one line."""
    shown = ((node.facts.get(name, ""), words) for name, words in _SHOWN.items())
    kept = [words.format(it) for it, words in shown if it and node.label not in it.removeprefix("sha256:")]
    return f"{node.kind} {node.label}{': ' if kept else ''}{', '.join(kept)}"


def _below(graph: Graph, at: str, seen: set[str], indent: str, depth: int) -> Iterator[str]:
    found = [(_FORWARD[it.relation], it.target) for it in graph.edges if it.source == at]
    found += [(_BACKWARD[it.relation], it.source) for it in graph.edges if it.target == at]
    new = [it for it in dict.fromkeys(found) if it[1] not in seen]
    seen.update(target for _, target in new)
    for number, (word, target) in enumerate(new, start=1):
        last = number == len(new)
        yield f"{indent}{'└─' if last else '├─'} {word} {described(graph.nodes[target])}"
        if depth < _DEEP:
            yield from _below(graph, target, seen, indent + ("   " if last else "│  "), depth + 1)
