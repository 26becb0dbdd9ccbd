"""Canaries: who gets the candidate, what proves that it is worse, and when it may be released. Pure."""

from queuebit_experiments.arms import Arm
from queuebit_experiments.cohorts import ARMS, BASELINE, CANDIDATE, arm_of, arm_tag, bucket, read_tag
from queuebit_experiments.design import Design, Metric
from queuebit_experiments.errors import BadDesign
from queuebit_experiments.evidence import evidence, mismatch
from queuebit_experiments.gate import Check, Verdict, judge
from queuebit_experiments.proportions import largest_increase
from queuebit_experiments.ranks import Comparison, compare

__all__ = [
    "ARMS",
    "BASELINE",
    "CANDIDATE",
    "Arm",
    "BadDesign",
    "Check",
    "Comparison",
    "Design",
    "Metric",
    "Verdict",
    "arm_of",
    "arm_tag",
    "bucket",
    "compare",
    "evidence",
    "judge",
    "largest_increase",
    "mismatch",
    "read_tag",
]
