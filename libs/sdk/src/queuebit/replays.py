"""Runs a job again as it ran, and compares results: `AsyncClient.replay` and `AsyncClient.compare`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from queuebit.errors import InvalidInput, NotFound, Refused, StillRunning, Unreachable
from queuebit.records import Result
from queuebit.results import result_of
from queuebit.submission import replayed
from queuebit_contracts.job import Completion, JobAccepted, JobCompleted, JobPlaced, JobSubmitted, Submission
from queuebit_contracts.wire import Payload, UnknownEvent
from queuebit_kernel import new_key
from queuebit_replay import ALPHA, FLOOR, VERDICTS, Finding, judge

if TYPE_CHECKING:
    from queuebit.amounts import Amount
    from queuebit.log_client import LogClient
    from queuebit.payloads import Payloads
    from queuebit.records import Row, Status
    from queuebit.sending import Sender

__all__ = ["Compared", "Condition", "Ran", "compared", "earlier_calibration", "ran", "replay_of", "require_limits"]


_PAGE = 200
"""Calibrations that are read at once."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A completed job, with what has to be known to run it again."""

    submission: Submission
    done: Completion
    seed: int | None
    """That of its run; None if its events do not have it."""
    result: Result = field(repr=False)

    @property
    def conditions(self) -> Mapping[str, object]:
        """What its result depends on, by name."""
        it = self.done
        return {
            "circuit": self.submission.circuit.digest,
            "shots": self.submission.shots,
            "seed": self.seed,
            "backend": it.backend,
            "calibration": it.calibration,
            "compiler": it.compilation.compiler,
            "compiler seed": it.compilation.seed,
            "target": it.compilation.digest,
            "region": it.shared.region if it.shared else None,
        }


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a result depends on, in both jobs; None: not known."""

    name: str
    one: object
    other: object

    @property
    def same(self) -> bool:
        return self.one == self.other


@dataclass(frozen=True, slots=True)
class Compared:
    """Two jobs of a tenant whose results were compared; of a replay, the other one ran the first one again."""

    one: str
    other: str
    finding: Finding
    conditions: tuple[Condition, ...]
    note: str = ""
    """Of a replay: why it did not run under the calibration of the first job, if this could not be asked for."""

    @property
    def verdict(self) -> str:
        """`reproduced`, `consistent`, `drifted` or `different`."""
        return self.finding.verdict

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the conditions that are not the same."""
        return tuple(it.name for it in self.conditions if not it.same)

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        changed = f"; not the same: {', '.join(self.changed)}" if self.changed else ""
        return f"{VERDICTS[self.finding.verdict]}{changed}{f'; {self.note}' if self.note else ''}"


async def ran(log_client: LogClient, payloads: Payloads, job: str, status: Status) -> Ran:
    """What the log has of a completed job.

    Raises:
        StillRunning: it has not ended.
        InvalidInput: it ended without a result.
        NotFound: its result cannot be read any more.
    """
    if not status.ended:
        raise StillRunning(f"job {job} is {status.state}: wait for its end, then compare it")
    history = [it.event for it in await log_client.history(job) if not isinstance(it.event, UnknownEvent)]
    submitted = next((it.data for it in history if isinstance(it, JobSubmitted)), None)
    done = next((it.data for it in history if isinstance(it, JobCompleted)), None)
    if submitted is None or done is None:
        raise InvalidInput(
            f"job {job} is {status.state}, so it has no result to compare: `qb job rerun {job}` runs its work again"
        )
    seeds = [it.data.seed for it in history if isinstance(it, JobAccepted | JobPlaced)]
    try:
        content = await payloads.get(done.result)
    except NotFound as error:
        raise NotFound(f"the result of job {job} is gone, so nothing can be compared with it: {error}") from error
    return Ran(submitted, done, seeds[-1] if seeds else submitted.seed, result_of(done, content))


def compared(one: Ran, other: Ran, alpha: float = ALPHA, floor: float = FLOOR) -> Compared:
    """Compare the counts of two jobs.

    Args:
        one: the first job.
        other: the second job.
        alpha: how often equal work may be called `drifted`.
        floor: the fidelity below which results are `different`.

    Raises:
        InvalidInput: their results cannot be compared.
    """
    require_limits(alpha, floor)
    pairs = [*_pairs(one, other)]
    try:
        finding = judge(pairs, alpha=alpha, floor=floor)
    except ValueError as error:
        raise InvalidInput(f"{one.done.job} and {other.done.job} cannot be compared: {error}") from error
    theirs = other.conditions
    conditions = tuple(Condition(name, value, theirs[name]) for name, value in one.conditions.items())
    return Compared(one.done.job, other.done.job, finding, conditions)


def require_limits(alpha: float, floor: float) -> None:
    """Check the limits of verdicts; asked before a replay is paid.

    Raises:
        InvalidInput: one of them is not between 0 and 1.
    """
    for name, value in (("alpha", alpha), ("floor", floor)):
        if not 0 < value < 1:
            raise InvalidInput(f"{name} is {value:g}: give a number between 0 and 1")


def _pairs(one: Ran, other: Ran) -> Iterator[tuple[Mapping[str, int], Mapping[str, int]]]:
    jobs = f"{one.done.job} and {other.done.job}"
    if len(one.result.items) != len(other.result.items):
        raise InvalidInput(
            f"{jobs} cannot be compared: they have {len(one.result.items)} and {len(other.result.items)} items"
        )
    for mine, theirs in zip(one.result.items, other.result.items, strict=True):
        if mine.counts is not None and theirs.counts is not None:
            yield mine.counts, theirs.counts
        elif mine.counts is not theirs.counts:
            raise InvalidInput(f"{jobs} cannot be compared: item {mine.number} has counts in one of them alone")


def _require_counts(it: Ran) -> None:
    """Raise unless there is something that a replay could be compared with; asked before anything is paid."""
    if not any(item.counts for item in it.result.items):
        raise InvalidInput(
            f"the result of job {it.done.job} has no counts, such as one of observables: "
            "only counts are compared. Submit it with the output `counts`"
        )


async def earlier_calibration(it: Ran, ask: Callable[..., Awaitable[list[Row]]]) -> tuple[Payload | None, str]:
    """The snapshot of the calibration under which a job ran, if there is a later one and the log has it.

    The text says why it could not be asked for; empty if it could.

    Args:
        it: the job.
        ask: asks the platform a question, such as `calibrations`; newest facts first.
    """
    wanted, before = it.done.calibration, None
    while wanted is not None:
        try:
            rows = await ask("calibrations", backend=it.done.backend, limit=_PAGE, before=before)
        except (Unreachable, Refused) as error:
            return None, f"the calibration of the first job could not be asked for: {error}"
        for row in rows:
            if row["digest"] == wanted:
                in_force = before is None and row is rows[0]
                return None if in_force else Payload.model_validate(row["snapshot"]), ""
        if len(rows) < _PAGE:
            break
        before = rows[-1]["sequence"]
    return None, ""


async def replay_of(
    sender: Sender,
    it: Ran,
    backends: list[Row],
    *,
    backend: str | None,
    key: str | None,
    max_cost: Amount | None,
    calibration: Payload | None = None,
) -> str:
    """Submit the work of a job once more, as it ran; return the id of the new job.

    With a calibration of the backend where it ran, an emulated device runs it under that one.

    Raises:
        NotFound: its circuit or its backend is gone.
        InvalidInput: its result has no counts.
    """
    _require_counts(it)
    job, where = it.done.job, backend or it.done.backend
    known = [str(row["backend"]) for row in backends]
    if where not in known:
        which = f"{where} is not registered here" if backend else f"job {job} ran on {where}, which is gone"
        raise NotFound(f"{which}: name one of {', '.join(known) or 'no backends at all'} with `--backend`")
    try:
        await sender.payloads.get(it.submission.circuit)
    except NotFound as error:
        raise NotFound(f"the circuit of job {job} is gone, so it cannot be run again: {error}") from error
    event = replayed(
        sender.credential,
        it.submission,
        backend=where,
        seed=it.seed,
        key=key or new_key(),
        max_cost=max_cost,
        calibration=calibration if where == it.done.backend else None,
    )
    return (await sender.again(event)).id
