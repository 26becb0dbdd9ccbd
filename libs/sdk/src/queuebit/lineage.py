"""What jobs, circuits, calibrations and data sets of a tenant have to do with each other: `AsyncClient.lineage`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from queuebit.errors import NotFound
from queuebit_contracts.job import JobSealed, JobSealedV1
from queuebit_contracts.subjects import job as aggregate
from queuebit_lineage import Graph, Unclear, find, graph_of, svg, tree

if TYPE_CHECKING:
    from queuebit.log_client import LogClient

__all__ = ["Lineage", "lineage_of", "predicate_of", "predicates_of"]

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Lineage:
    """What has to do with one thing, as the statements of jobs say it."""

    root: str
    """The id of the thing in the graph, such as `job:j...`, `circuit:...` or `calibration:...`."""
    graph: Graph = field(repr=False)
    statements: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """The predicates of the statements, by job."""

    @property
    def text(self) -> str:
        """The graph as a tree of text."""
        return "\n".join(tree(self.graph, self.root))

    def svg(self) -> str:
        """The graph as a picture."""
        return svg(self.graph, f"Lineage of {self.root.replace(':', ' ', 1)}")

    def _repr_html_(self) -> str:
        return self.svg()


def lineage_of(name: str, predicates: Iterable[Mapping[str, Any]]) -> Lineage:
    """The lineage of what has a name, of the jobs that some statements are about.

    Args:
        name: a job, a digest or the begin of one, `NAME`, `NAME@VERSION`, or an id of the graph.
        predicates: of the statements.

    Raises:
        NotFound: nothing is called so, or more than one thing.
    """
    whole = {str(it["job"]["id"]): it for it in predicates}
    graph = graph_of(whole.values())
    try:
        root = find(graph, name).id
    except Unclear as error:
        raise NotFound(str(error)) from error
    part = graph.around(root)
    jobs = {it.label for it in part.of("job")}
    return Lineage(root, part, {job: it for job, it in whole.items() if job in jobs})


async def predicates_of(log: LogClient, jobs: Iterable[str]) -> list[Mapping[str, Any]]:
    """The predicates of the first statements of jobs; of a job that is not sealed yet there is none."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(job: str) -> Mapping[str, Any] | None:
        async with free:
            entry = await log.last(aggregate(log.tenant, job).event("sealed"))
        return None if entry is None else predicate_of(entry.event)

    found = await asyncio.gather(*map(one, dict.fromkeys(jobs)))
    return [it for it in found if it is not None]


def predicate_of(event: object) -> Mapping[str, Any] | None:
    """The predicate of the statement in a seal; None if this is no seal that this version reads."""
    match event:
        case JobSealed(data=data):
            statement = json.loads(data.text)
        case JobSealedV1(data=data):
            from queuebit_proof import unb64
            from queuebit_proof.envelope import payload_of

            statement = json.loads(payload_of(unb64(data.envelope)))
        case _:
            return None
    predicate = statement["predicate"]
    return predicate if isinstance(predicate, dict) else None
