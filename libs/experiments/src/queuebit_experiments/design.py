"""What is agreed before a canary starts: its size, its metrics and their margins."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_experiments.errors import BadDesign

__all__ = ["Design", "Metric"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A value of each job that is compared when enough jobs ended."""

    name: str
    ratio: float
    """The limit, in times of the baseline: 1.1 allows ten percent more; where more is better, 0.98 allows two percent
    less."""
    more_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Design:
    """How a canary is decided. The error rates of the defaults are in the documentation, by simulation."""

    share: float
    """The share of jobs that get the candidate."""
    cases: int
    """The number of ended jobs of each arm at which it is judged; after an extension, twice as many."""
    margin: float = 0.03
    """By how much the failure rate may be larger, as a difference of shares."""
    metrics: tuple[Metric, ...] = ()
    most_failures: float | None = None
    """A limit for the candidate's failure rate, whatever the baseline's; None: no limit."""
    alpha: float = 0.01
    """How often each of the two rules that abort stops a candidate that is not worse, at most."""

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            BadDesign: a setting is outside of its bounds.
        """
        for ok, text in (
            (0 < self.share < 1, "the share is between 0 and 1"),
            (self.cases >= 1, "a canary is judged after one job of each arm at the least"),
            (0 < self.margin < 1, "the margin is between 0 and 1"),
            (0 < self.alpha < 1, "alpha is between 0 and 1"),
            (self.most_failures is None or 0 < self.most_failures < 1, "most_failures is between 0 and 1"),
            (all(it.ratio > 0 for it in self.metrics), "ratios are above 0"),
            (len({it.name for it in self.metrics}) == len(self.metrics), "each metric is named once"),
        ):
            if not ok:
                raise BadDesign(text)
