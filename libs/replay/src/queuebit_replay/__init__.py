"""Whether work that is done twice gives the same: fidelity, a test beyond shot noise, and the verdict. Pure."""

from queuebit_replay.comparison import Comparison, compare, compare_runs
from queuebit_replay.homogeneity import Homogeneity, homogeneity
from queuebit_replay.verdicts import ALPHA, FLOOR, VERDICTS, Finding, Verdict, judge

__all__ = [
    "ALPHA",
    "FLOOR",
    "VERDICTS",
    "Comparison",
    "Finding",
    "Homogeneity",
    "Verdict",
    "compare",
    "compare_runs",
    "homogeneity",
    "judge",
]
