"""Canaries: who gets the candidate, what proves that it is worse, and when it may be released. Pure."""

from queuebit_experiments.arms import Arm
from queuebit_experiments.cohorts import ARMS, ASSIGNING, BASELINE, CANDIDATE, arm_in_use, arm_of, arm_tag, bucket
from queuebit_experiments.design import Design, Metric
from queuebit_experiments.errors import BadDesign
from queuebit_experiments.evidence import evidence, mismatch
from queuebit_experiments.gate import Check, Verdict, judge
from queuebit_experiments.proportions import largest_increase
from queuebit_experiments.ranks import Comparison, compare

__all__ = [
    "ARMS",
    "ASSIGNING",
    "BASELINE",
    "CANDIDATE",
    "Arm",
    "BadDesign",
    "Check",
    "Comparison",
    "Design",
    "Metric",
    "Verdict",
    "arm_in_use",
    "arm_of",
    "arm_tag",
    "bucket",
    "compare",
    "evidence",
    "judge",
    "largest_increase",
    "mismatch",
]
