"""The work of one placement at a vendor, in the parts in which it is submitted. No input or output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from queuebit_contracts.job import Dispatch, JobPlaced, Placement
from queuebit_contracts.program import Item
from queuebit_executor.answers import Described
from queuebit_executor.ports import ItemWork

__all__ = ["Part", "billed_tasks", "part_of", "parts_of", "single_work", "split", "token_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """Items that are submitted together."""

    number: int
    items: range
    token: str
    """Our name of the submission. It is the placement's and the part's, so that every attempt means the same run."""


def token_of(placed: JobPlaced, number: int = 0) -> str:
    """The token of a part; a single circuit is the first part of its job."""
    token = f"{placed.data.job}-{placed.id}"
    return f"{token}-{number}" if number else token


def part_of(placed: JobPlaced, taken: Dispatch) -> int | None:
    """The number of the part that a dispatch records; None if it belongs to another placement."""
    number = taken.revision or 0
    return number if taken.token == token_of(placed, number) else None


def single_work(job: Placement, source: bytes) -> ItemWork:
    """A single circuit as an item."""
    return ItemWork(source=source, item=Item(), outputs=("counts",), shots=job.shots, seed=job.seed, token="")


def parts_of(placed: JobPlaced, counts: Sequence[int], most: int, recorded: Mapping[int, Dispatch]) -> list[Part]:
    """The parts of a placement; those that the log records keep their items.

    Args:
        placed: the placement.
        counts: the circuits of each item.
        most: the most circuits of one part.
        recorded: the dispatches of the placement, by the number of their part.
    """
    known = {
        number: range(it.part.first, it.part.first + it.part.items) if it.part is not None else range(1)
        for number, it in recorded.items()
    }
    return [Part(number, items, token_of(placed, number)) for number, items in enumerate(split(counts, most, known))]


def split(counts: Sequence[int], most: int, known: Mapping[int, range] | None = None) -> list[range]:
    """Split items, in order, into ranges of at most `most` circuits; an item with more has a range for itself.

    Ranges that are `known` by number stay as they are, also if the limit changed since: the last range before one of
    them takes all items up to it.
    """
    known, found, first = known or {}, list[range](), 0
    while first < len(counts):
        number = len(found)
        if (fixed := known.get(number)) is None:
            fixed = _next(counts, most, first, number, known)
        found.append(fixed)
        first = fixed.stop
    return found


def billed_tasks(offer: Described, counts: Sequence[int], shots: Sequence[int]) -> int | None:
    """The most tasks that the vendor bills for these items; None where a job is one task.

    Items that do not compile are left out of their part, which makes no more tasks of the rest.

    Args:
        offer: the backend.
        counts: the circuits of each item.
        shots: of each circuit of each item.
    """
    if not offer.remote or offer.billed_task == "job":
        return None
    if offer.billed_task == "circuit":
        return sum(counts)
    return sum(
        _tasks(counts[it.start : it.stop], shots[it.start : it.stop], offer) for it in split(counts, offer.max_items)
    )


def _tasks(counts: Sequence[int], shots: Sequence[int], offer: Described) -> int:
    together = sum(count * each for count, each in zip(counts, shots, strict=True))
    is_one = len(set(shots)) == 1 and (not offer.task_shots or together <= offer.task_shots)
    return 1 if is_one else sum(counts)


def _next(counts: Sequence[int], most: int, first: int, number: int, known: Mapping[int, range]) -> range:
    if number + 1 in known:
        return range(first, known[number + 1].start)
    end = min((it.start for later, it in known.items() if later > number), default=len(counts))
    last, total = first, 0
    while last < end and (last == first or total + counts[last] <= most):
        total += counts[last]
        last += 1
    return range(first, last)
