"""Values that the client returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from queuebit.errors import Reason
from queuebit.notebook import counts_html, described_html, table_html
from queuebit_contracts.intervals import LEVEL, METHOD, intervals
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_kernel import Money

__all__ = [
    "ENDS",
    "UNTIL_FINAL",
    "Check",
    "Estimate",
    "Fallback",
    "ItemResult",
    "PostResult",
    "Prediction",
    "Receipt",
    "Result",
    "ResultValue",
    "Row",
    "Status",
    "Step",
    "Table",
    "Uncertainty",
    "is_program",
    "item_rows",
    "value_text",
]

ENDS = TERMINAL
"""Final states of a job."""

UNTIL_FINAL = ", until its usage is final"
"""What people read behind a provisional charge."""

Row = dict[str, object]
"""One row of an answer, by column."""


class Table(list[Row]):
    """The rows of an answer; notebooks show them as a table."""

    advice: Reason | None = None
    """Of a plan with limits that no backend has: which limit takes the last one away, and the nearest plan."""

    def _repr_html_(self) -> str:
        return table_html(self)


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a job."""

    event: str
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was expected of a job on its backend, beside what came of it; None: not known, or not yet."""

    backend: str
    most_cost: Money | None = None
    """The most that it may cost there."""
    charge: Money | None = None
    """What it cost, when that is final."""
    expected_run_s: float | None = None
    """The most time on the backend that its hold pays for."""
    run_s: float | None = None
    expected_fidelity: float | None = None
    """The estimated success probability of the compiled circuit."""
    fidelity: float | None = None
    """Measured: the Hellinger fidelity to the reference of its quality check."""
    expected_s: float | None = None
    """From its placement to the result, as the scheduler expected it."""
    took_s: float | None = None
    """From its placement to the result."""
    waited_s: float | None = None
    """From its acceptance to the start of its run."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a job."""

    job: str
    state: str
    """One of `queuebit_contracts.lifecycle.STATES`, such as `placed`; the last are those of `ENDS`."""
    tenant: str
    project: str
    shots: int
    label: str
    backend: str | None = None
    reasons: tuple[Reason, ...] = ()
    """Reasons of a rejection, failure or cancellation."""
    charge: Money | None = None
    """None until the job is metered."""
    provisional: bool = False
    """Whether the charge waits for usage that is not final; the hold stays until then."""
    sealed: bool = False
    delegation: str | None = None
    """The delegated key with which it was submitted; None if the user's own key signed."""
    steps: tuple[Step, ...] = ()
    plan: Prediction | None = None
    """What was expected, beside what came of it; None until it has a backend."""

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    def _repr_html_(self) -> str:
        shown: Row = {
            "label": self.label,
            "project": self.project,
            "backend": self.backend,
            "shots": self.shots,
            "charge": self.charge,
            "reasons": "; ".join(reason.text for reason in self.reasons),
            "steps": ", ".join(step.event for step in self.steps),
        }
        return described_html(f"{self.job} {self.state}", shown)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value that was measured a finite number of times."""

    value: float
    stderr: float | None = None
    """Standard error from shot noise alone; absent where a single shot cannot say."""
    observable: str | None = None
    """What was estimated, such as `ZZ` or `0.5 XI - 2 ZZ`; absent for shares, and in results of older executors."""


@dataclass(frozen=True, slots=True)
class ResultValue:
    """A result that the source of a circuit asks for with `#pragma braket result`."""

    type: str
    """`probability`, `expectation`, `variance` or `sample`."""
    of: str
    """What the pragma says after `result`."""
    values: tuple[Estimate, ...] | None = None
    """Of an expectation or variance: one, or one for each qubit. A variance has no error."""
    shares: Mapping[str, Estimate] | None = None
    """Of a probability, by outcome; the leftmost bit is the first qubit."""
    samples: tuple[Mapping[str, int], ...] | None = None
    """Of a sample: shots by value of the observable; one, or one for each qubit."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How the uncertainty of a result is computed. It covers shot noise, not errors of the device."""

    method: str
    """`wilson` for counts: an interval of the share of each outcome; `standard-error` for other values."""
    level: str | None = None
    """The confidence level of the intervals, an exact decimal."""

    def intervals(self, counts: Mapping[str, int]) -> dict[str, tuple[float, float]]:
        """The interval of the share of each outcome, from 0 to 1; none where the method gives no intervals."""
        return intervals(counts, self.method, self.level)


@dataclass(frozen=True, slots=True)
class Fallback:
    """The label of a job that ran on another backend than it asked for, by the fallback rule of its project."""

    instead_of: tuple[str, ...]
    """The backends that it asked for; all of them were out of service."""
    since: datetime
    """Since when the last of them was."""

    @property
    def text(self) -> str:
        """The label as a part of a sentence."""
        return f"instead of {' or '.join(self.instead_of)}, out of service since {self.since:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class SharedRun:
    """The run of several circuits on one device at once that a job was part of; its usage is its share of the time."""

    circuits: int
    """How many ran at once, this one included."""
    region: tuple[int, ...]
    """The qubits of the device that were this circuit's own."""

    @property
    def text(self) -> str:
        """The run as a part of a sentence."""
        others = self.circuits - 1
        beside = f"beside {others} other {'circuit' if others == 1 else 'circuits'}"
        return f"{beside}, on {'qubit' if len(self.region) == 1 else 'qubits'} {', '.join(map(str, self.region))}"


_WILSON = Uncertainty(METHOD, LEVEL)


@dataclass(frozen=True, slots=True)
class PostResult:
    """What a step after the run computed, on the values of the step before it."""

    step: str
    """Name and version, such as `readout-mitigation/1`."""
    quasi: Mapping[str, Estimate] | None = None
    """Shares by bit string; they add up to 1, and may be negative."""
    expectations: tuple[Estimate, ...] | None = None
    """One for each observable, in the order in which they were given."""
    reason: Reason | None = None
    """Why it has no values."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How one item of a program ended, and what it returned."""

    number: int
    state: str
    """`completed` or `failed`."""
    counts: Mapping[str, int] | None = None
    memory: tuple[str, ...] | None = None
    """The bit string of each shot, in order."""
    quasi: Mapping[str, Estimate] | None = None
    """Share of each bit string that was measured."""
    expectations: tuple[Estimate, ...] | None = None
    """One for each observable, in the order in which they were given."""
    results: tuple[ResultValue, ...] | None = None
    """One for each result pragma of the circuit, in its order."""
    reason: Reason | None = None
    """Why it failed."""
    shots: int = 0
    """Of all circuits that were run for it."""
    uncertainty: Uncertainty | None = None
    """The method that the result names; none in results of older executors."""
    suspect: Reason | None = None
    """Why the result may be wrong although the item completed."""
    post: tuple[PostResult, ...] = ()
    """One for each step after the run, in order; all other fields are without them."""

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The interval of the share of each outcome of `counts`, as `Result.intervals`."""
        return (self.uncertainty or _WILSON).intervals(self.counts or {})


@dataclass(frozen=True, slots=True)
class Check:
    """One property of a result, beside what it had to be."""

    name: str
    """`shots`, or `fidelity`: of the counts to the reference of the submission, in millionths."""
    passed: bool
    value: int
    limit: int

    @property
    def text(self) -> str:
        """The check in words."""
        if self.name != "fidelity":
            return f"{self.name} {self.value:,} of {self.limit:,}"
        than = "at least" if self.passed else "below"
        return f"fidelity {self.value / 1e6:.4f}, {than} the floor of {self.limit / 1e6:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a completed job."""

    job: str
    backend: str
    shots: int
    counts: Mapping[str, int]
    """Shots by measured bit string; the leftmost bit is the last classical bit, as in Qiskit. Of a program of several
    items, or of one with observables, these are empty: see `items`."""
    digest: str
    """SHA-256 of the result's bytes, as in the receipt's statement."""
    items: tuple[ItemResult, ...] = ()
    """One for each item of a program, in its order; for a single circuit, its only one."""
    uncertainty: Uncertainty = _WILSON
    """The method that gives the uncertainty of the counts."""
    suspect: Reason | None = None
    """Why the result may be wrong although the job completed, such as a recalibration of the device while it ran."""
    fallback: Fallback | None = None
    """Set if another backend than the job asked for ran it; `backend` is that one."""
    checks: tuple[Check, ...] = ()
    """What was verified of it; it is usable if all of them passed."""
    shared: SharedRun | None = None
    """Set if circuits of other jobs were on the device at the same time."""

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The confidence interval of the share of each outcome, from 0 to 1, by the method of `uncertainty`.

        By default it is the Wilson score interval of each outcome for itself, with a level of 95 %: see
        `queuebit_contracts.intervals.wilson`. It covers shot noise, not errors of the device.
        """
        return self.uncertainty.intervals(self.counts)

    def probabilities(self) -> dict[str, float]:
        """The counts as shares of all shots."""
        total = sum(self.counts.values())
        return {bits: count / total for bits, count in self.counts.items()}

    def _repr_html_(self) -> str:
        doubt = self.suspect.text if self.suspect else None
        stands_in = self.fallback.text if self.fallback else None
        run = self.shared.text if self.shared else None
        about = {"backend": self.backend, "fallback": stands_in, "shots": self.shots, "shared": run, "suspect": doubt}
        shown = described_html(self.job, about)
        return shown + (counts_html(self.counts) if self.counts else table_html(item_rows(self.items)))


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof of one job's outcome; `content` is the document to keep."""

    job: str
    statement: str
    """The entry in the transparency log: the statement's digest; in a receipt of version 0.1, that of its envelope."""
    leaf_index: int
    tree_size: int
    content: bytes = field(repr=False)
    revision: int = 0
    """How often the bill was corrected before; 0 in a job's first receipt."""
    supersedes: str | None = None
    """The statement of the receipt before, which this one replaces."""

    def verify(self, trust: Path | str | bytes, *, result: Result | None = None) -> tuple[str, ...]:
        """Verify the receipt offline; return a sentence for each check.

        Args:
            trust: the trust document or its path; it must come from another source than the receipt.
            result: if given, it must equal the signed result.

        Raises:
            queuebit_proof.ReceiptInvalid: a check failed; `check` names it.
            OSError: the trust document cannot be read.
            queuebit_proof.TrustInvalid: the trust document cannot be used.
        """
        from queuebit_proof import TrustRoot, verify  # cryptography is only needed here

        root = TrustRoot.parse(trust if isinstance(trust, bytes) else Path(trust).read_bytes())
        checked = verify(self.content, root, job=self.job, result_digest=result.digest if result else None)
        return tuple(check.sentence for check in checked.checks)


_MOST_OUTCOMES = 3
"""Of the counts of an item, in a table of many."""


def is_program(result: Result) -> bool:
    """Whether a result is more than the counts of one circuit."""
    if len(result.items) != 1:
        return bool(result.items)
    (only,) = result.items
    return only.counts is None or only.memory is not None or only.quasi is not None


def item_rows(items: Sequence[ItemResult]) -> list[Row]:
    """A row for each item: what it returned in short, with a column for each of its observables; or why it failed."""
    values = [_values(it.expectations or ()) | _processed(it) | _asked(it.results or ()) for it in items]
    columns = dict.fromkeys(name for it in values for name in it)
    doubted = any(it.suspect for it in items)
    return [
        {
            "item": it.number,
            "state": it.state,
            "result": _in_short(it),
            **{name: found.get(name) for name in columns},
            "reason": it.reason.text if it.reason else None,
            **({"suspect": it.suspect and it.suspect.code} if doubted else {}),
        }
        for it, found in zip(items, values, strict=True)
    ]


def _values(expectations: Sequence[Estimate]) -> dict[str, str]:
    """The values by observable; one that has no name, or that of an earlier one, has its number too."""
    found: dict[str, str] = {}
    for number, it in enumerate(expectations):
        name = it.observable or f"observable {number}"
        found[name if name not in found else f"{name} ({number})"] = value_text(it)
    return found


def _processed(item: ItemResult) -> dict[str, str]:
    """The values of each step after the run, by observable and step; shares by step."""
    found = {f"{name} {it.step}": value for it in item.post for name, value in _values(it.expectations or ()).items()}
    shares = {it.step: _largest_shares(it.quasi) for it in item.post if it.quasi}
    return found | shares | {it.step: it.reason.text for it in item.post if it.reason}


def _asked(results: Sequence[ResultValue]) -> dict[str, str]:
    """The results of pragmas by what they are of."""
    return {it.of: ", ".join(_shown(it)) for it in results}


def _shown(result: ResultValue) -> Iterator[str]:
    yield from map(value_text, result.values or ())
    if result.shares is not None:
        yield _heaviest({bits: it.value for bits, it in result.shares.items()})
    yield from map(_heaviest, result.samples or ())


def _in_short(item: ItemResult) -> str | None:
    weights: Mapping[str, float] = item.counts or {bits: it.value for bits, it in (item.quasi or {}).items()}
    if not weights:
        return None if item.memory is None else f"{len(item.memory):,} shots"
    return _heaviest(weights)


def _heaviest(weights: Mapping[str, float]) -> str:
    return _first_outcomes(weights, {bits: f"{count:.4g}" for bits, count in weights.items()})


def _largest_shares(shares: Mapping[str, Estimate]) -> str:
    values = {bits: it.value for bits, it in shares.items()}
    return _first_outcomes(values, {bits: value_text(it) for bits, it in shares.items()})


def _first_outcomes(weights: Mapping[str, float], texts: Mapping[str, str]) -> str:
    ranked = sorted(weights.items(), key=lambda outcome: (-outcome[1], outcome[0]))
    more = f", and {len(ranked) - _MOST_OUTCOMES} more" if len(ranked) > _MOST_OUTCOMES else ""
    return ", ".join(f"{bits}: {texts[bits]}" for bits, _ in ranked[:_MOST_OUTCOMES]) + more


def value_text(estimate: Estimate) -> str:
    """A value with its standard error, if it has one."""
    return f"{estimate.value:.4f}" + ("" if estimate.stderr is None else f" ± {estimate.stderr:.4f}")
