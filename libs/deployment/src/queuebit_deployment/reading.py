"""Reads a deployment file, and finds what contradicts itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import ValidationError

from queuebit_contracts.topology import topology
from queuebit_deployment.document import ALWAYS, Deployment
from queuebit_documents.advice import advice
from queuebit_documents.errors import BadDocuments, Path, Problem
from queuebit_documents.toml_text import parse_toml

__all__ = ["parse_deployment"]


def parse_deployment(text: str, file: str = "queuebit.toml") -> Deployment:
    """Read a deployment file.

    Raises:
        BadDocuments: it is not TOML, breaks the rules of a key, or contradicts itself; each problem says what to write.
    """
    parsed = parse_toml(text, file)
    try:
        found = Deployment.model_validate(parsed.document)
        wrong = [*_bus(found), *_placement(found), *_nodes(found), *_streams(found)]
    except ValidationError as error:
        wrong = advice(Deployment, error)
    if wrong:
        raise BadDocuments([Problem(file, what, parsed.line(path)) for path, what in wrong])
    return found


def _bus(found: Deployment) -> Iterator[tuple[Path, str]]:
    bus = found.bus
    if not bus.urls:
        yield ("bus", "urls"), "bus.urls is empty: name each server, such as nats://bus-1.example:4222"
    if bus.replicas == 1 and bus.sync_interval != ALWAYS:
        yield (
            ("bus", "sync_interval"),
            f"bus.sync_interval is {bus.sync_interval} with one replica, so that a power cut loses confirmed events: "
            f'write "{ALWAYS}", or use 3 replicas',
        )
    if len(found.node) > 1 and bus.route_password is None:
        yield (
            ("bus",),
            "bus.route_password is missing, and there are several nodes: name where it is, such as "
            "file:/run/secrets/routes",
        )


def _placement(found: Deployment) -> Iterator[tuple[Path, str]]:
    bus, nodes = found.bus, found.node
    tags = {tag for it in nodes.values() for tag in it.tags}
    if not nodes:
        return
    if bus.replicas > len(nodes):
        count = "is 1 node" if len(nodes) == 1 else f"are {len(nodes)} nodes"
        what = f"bus.replicas is {bus.replicas}, and there {count}: add tables [node.NAME], or use fewer replicas"
        yield ("bus", "replicas"), what
    elif unknown := [tag for tag in bus.placement if tag not in tags]:
        near = get_close_matches(unknown[0], tags, 1)
        hint = f"did you mean {near[0]}?" if near else f"nodes have {', '.join(sorted(tags)) or 'no tags'}"
        yield ("bus", "placement"), f"bus.placement names {', '.join(unknown)}, which no node has: {hint}"
    elif len(there := found.nodes_for_streams) < bus.replicas:
        what = f"bus.placement leaves {', '.join(there) or 'no node'} for {bus.replicas} replicas: tag more nodes"
        yield ("bus", "placement"), f"{what}, or name fewer tags"


def _nodes(found: Deployment) -> Iterator[tuple[Path, str]]:
    for name, it in found.node.items():
        if len(found.node) > 1 and it.route is None:
            what = f"node.{name}.route is missing: the address for the other servers, such as {name}.example:6222"
            yield ("node", name), what
        if (it.certificate is None) != (it.key is None):
            yield ("node", name), f"node.{name} has only one of certificate and key: name both, or none"
        if it.certificate is not None and found.bus.ca_file is None:
            what = f"node.{name} has a certificate, and bus.ca_file is missing: name the authority of the servers"
            yield ("node", name, "certificate"), what
    for route, count in Counter(it.route for it in found.node.values() if it.route).items():
        if count > 1:
            yield ("node",), f"{count} nodes have the route {route}: give each an address of its own"


def _streams(found: Deployment) -> Iterator[tuple[Path, str]]:
    known = [*topology().stream, *topology().bucket]
    for name in found.stream:
        if name not in known:
            near = get_close_matches(name.upper(), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            yield ("stream", name), f"stream.{name} is no stream: {hint}"
