"""Error rates of canaries, by simulation. `python -m tests.bench.canaries` computes the tables of docs/canaries.md.

A canary is a sequence of jobs, each assigned by chance with the planned share; it is looked at after every 20 jobs, as
a service that evaluates every few seconds does. Seeds are fixed. All of it takes about four minutes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp, log, sqrt
from random import Random
from statistics import median

from queuebit_experiments import Arm, Design, judge

__all__ = ["Outcome", "canary", "naive", "peeking", "sequential"]

_LOOK = 20
_CASES = 500

Rates = tuple[float, float]
"""The failure rates of the baseline and of the candidate."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one canary."""

    end: str
    """`abort`, `pass` or `pause`."""
    jobs: int
    """Jobs of both arms until then."""
    extended: bool


def _jobs(draw: Random, rates: Rates, share: float, wander: float) -> Iterator[tuple[bool, bool]]:
    """Endless jobs: whether each has the candidate, and whether it fails. What wanders is common to both arms."""
    common = 0.0
    while True:
        common += draw.gauss(0, wander) - common / 100
        is_candidate = draw.random() < share
        yield is_candidate, draw.random() < min(0.95, rates[is_candidate] * exp(common))


def canary(draw: Random, design: Design, rates: Rates, wander: float = 0.0) -> Outcome:
    """One canary of one tenant, from its start to its end."""
    return _decided(((it, "") for it in _jobs(draw, rates, design.share, wander)), design)


def shared(draw: Random, rates: Rates, attack: bool | None, *, tenants: int = 20) -> Outcome:
    """A canary over tenants with equally many jobs, and perhaps another one with as many jobs as all of them together.

    Args:
        draw: the jobs.
        rates: the failure rates of the arms.
        attack: the arm in which all jobs of the other one fail; it chooses which, by their keys. None: there is none.
        tenants: how many there are.
    """

    def jobs() -> Iterator[tuple[tuple[bool, bool], str]]:
        for it in _jobs(draw, rates, 0.5, 0):
            yield it, f"t{draw.randrange(tenants)}"
            if attack is not None:
                arm = draw.random() < 0.5
                yield (arm, arm == attack), "evil"

    return _decided(jobs(), Design(share=0.5, cases=_CASES))


def _decided(jobs: Iterator[tuple[tuple[bool, bool], str]], design: Design) -> Outcome:
    """Look at the jobs of tenants until there is a decision; a tenant without a name does not matter."""
    cases, failures, extended = [0, 0], [0, 0], False
    each: tuple[dict[str, tuple[int, int, int]], ...] = ({}, {})
    for number, ((is_candidate, fails), tenant) in enumerate(jobs, 1):
        if tenant:
            known = each[is_candidate].get(tenant, (0, 0, 0))
            each[is_candidate][tenant] = (known[0] + 1, known[1] + 1, known[2] + fails)
        cases[is_candidate] += 1
        failures[is_candidate] += fails
        if number % _LOOK:
            continue
        arms = [Arm(cases[it], cases[it], failures[it], tenants=each[it]) for it in (False, True)]
        found = judge(design, *arms, extended=extended).kind
        if found == "extend":
            extended = True
        elif found != "continue":
            return Outcome(found, number, extended)
    raise AssertionError("jobs are endless")


def naive(n: int, failures: Rates) -> bool:
    """A z test at 5 %, looked at again and again: what not to do."""
    pooled = sum(failures) / (2 * n)
    spread = sqrt(2 * pooled * (1 - pooled) / n)
    return spread > 0 and abs(failures[1] - failures[0]) / n / spread > 1.96


def sequential(n: int, failures: Rates) -> bool:
    """The mixture test of Johari et al. (2022) at 1 %, with a spread of 0.05: an approximation for many failures."""
    pooled, spread = (sum(failures) + 1) / (2 * n + 2), 0.05**2
    variance = 2 * pooled * (1 - pooled) / n
    change = (failures[1] - failures[0]) / n
    odds = 0.5 * log(variance / (variance + spread)) + spread * change**2 / (2 * variance * (variance + spread))
    return change > 0 and odds > log(100)


def peeking(test: Callable[[int, Rates], bool], rates: Rates, histories: int) -> tuple[float, float]:
    """How often a test stops within 1,000 jobs of each arm, and the median of the jobs of both arms until then."""
    stops = []
    for seed in range(histories):
        draw, failures = Random(seed), [0, 0]
        for n in range(1, 1001):
            for arm in (0, 1):
                failures[arm] += draw.random() < rates[arm]
            if n % (_LOOK // 2) == 0 and test(n, (failures[0], failures[1])):
                stops.append(2 * n)
                break
    return len(stops) / histories, median(stops) if stops else 0


def _ours(n: int, failures: Rates) -> bool:
    design = Design(share=0.5, cases=10**9)
    arms = [Arm(n, n, int(it)) for it in failures]
    return judge(design, *arms).kind == "abort"


_CANARIES: tuple[tuple[str, Rates, float, float], ...] = (
    ("equal, 1 % fail", (0.01, 0.01), 0.5, 0),
    ("equal, 5 % fail", (0.05, 0.05), 0.5, 0),
    ("equal, 20 % fail", (0.20, 0.20), 0.5, 0),
    ("equal, 5 % fail on average, drifting between about 1 % and 25 %", (0.05, 0.05), 0.5, 0.11),
    ("equal, 5 % fail, share 10 %", (0.05, 0.05), 0.1, 0),
    ("better: 5 % → 3 %", (0.05, 0.03), 0.5, 0),
    ("worse by the margin: 1 % → 4 %", (0.01, 0.04), 0.5, 0),
    ("worse by the margin: 5 % → 8 %", (0.05, 0.08), 0.5, 0),
    ("worse by the margin: 20 % → 23 %", (0.20, 0.23), 0.5, 0),
    ("worse: 5 % → 10 %", (0.05, 0.10), 0.5, 0),
    ("worse: 5 % → 15 %", (0.05, 0.15), 0.5, 0),
    ("worse: 5 % → 15 %, share 10 %", (0.05, 0.15), 0.1, 0),
    ("broken: 5 % → 50 %", (0.05, 0.50), 0.5, 0),
    ("broken: 5 % → 50 %, share 10 %", (0.05, 0.50), 0.1, 0),
)


def main(histories: int) -> None:
    """Print both tables."""
    print("| candidate | aborted | median jobs until then | released | of them without extension | paused |")
    print("|---|---|---|---|---|---|")
    for number, (name, rates, share, wander) in enumerate(_CANARIES):
        design = Design(share=share, cases=_CASES)
        found = [canary(Random(10**6 * number + seed), design, rates, wander) for seed in range(histories)]
        ends = Counter(it.end for it in found)
        soon = sum(it.end == "pass" and not it.extended for it in found)
        jobs = [it.jobs for it in found if it.end == "abort"]
        shares = {it: f"{100 * ends[it] / histories:.1f} %" for it in ("abort", "pass", "pause")}
        until = f"{median(jobs):.0f}" if len(jobs) > histories / 50 else "-"
        print(
            f"| {name} | {shares['abort']} | {until} | {shares['pass']} | {100 * soon / histories:.1f} % "
            f"| {shares['pause']} |",
            flush=True,
        )
    print("\n| test, at every look | 5 % and 5 % | 1 % and 1 % | 5 % → 10 % | 5 % → 15 % |\n|---|---|---|---|---|")
    for title, test in (("z at 5 %", naive), ("mixture test (mSPRT) at 1 %", sequential), ("e-value at 1 %", _ours)):
        row = [peeking(test, it, histories) for it in ((0.05, 0.05), (0.01, 0.01), (0.05, 0.10), (0.05, 0.15))]
        null = " | ".join(f"{100 * share:.1f} %" for share, _ in row[:2])
        power = " | ".join(f"{100 * share:.1f} %, median {jobs:.0f} jobs" for share, jobs in row[2:])
        print(f"| {title} | {null} | {power} |", flush=True)


_SHARED: tuple[tuple[str, Rates, bool | None], ...] = (
    ("equal, 1 % fail", (0.01, 0.01), None),
    ("equal, 5 % fail", (0.05, 0.05), None),
    ("worse by the margin: 5 % → 8 %", (0.05, 0.08), None),
    ("worse: 5 % → 15 %", (0.05, 0.15), None),
    ("broken: 5 % → 50 %", (0.05, 0.50), None),
    ("equal, 1 % fail; failures of one tenant in the candidate", (0.01, 0.01), True),
    ("equal, 5 % fail; the same", (0.05, 0.05), True),
    ("worse by the margin: 5 % → 8 %; failures of one tenant in the baseline", (0.05, 0.08), False),
    ("worse: 5 % → 15 %; the same", (0.05, 0.15), False),
)


def main_shared(histories: int) -> None:
    """Print the table of canaries that are open to twenty tenants, and to one more that chooses its arms."""
    print("\n| candidate, twenty tenants | aborted | released | paused |\n|---|---|---|---|")
    for number, (name, rates, attack) in enumerate(_SHARED):
        ends = Counter(shared(Random(10**6 * number + seed), rates, attack).end for seed in range(histories))
        row = " | ".join(f"{100 * ends[it] / histories:.1f} %" for it in ("abort", "pass", "pause"))
        print(f"| {name} | {row} |", flush=True)


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    main(asked)
    main_shared(asked)
