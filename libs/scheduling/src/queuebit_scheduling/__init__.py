"""The rules of scheduling, the snapshots that they use, and the stored form of a snapshot."""

from queuebit_scheduling.classes import CLASSES, class_of
from queuebit_scheduling.codec import MEDIA_TYPE, decode, encode
from queuebit_scheduling.contact import Contact, ContactLimits, change, is_silent
from queuebit_scheduling.explain import Explanation, Unexplained, explain, explain_stored
from queuebit_scheduling.fallback import due_us
from queuebit_scheduling.isolation import PROBES
from queuebit_scheduling.objectives import OBJECTIVES
from queuebit_scheduling.plan import Cycle, FellBack, GaveWay, Place, Policy, Step, Target, Turn, plan
from queuebit_scheduling.policy import POLICY, FairShare
from queuebit_scheduling.reasons import Waiting, waiting, why_placed, why_waiting
from queuebit_scheduling.registry import POLICIES, by_name
from queuebit_scheduling.run_times import RunTimes, size_of
from queuebit_scheduling.snapshot import (
    AGED_US,
    Account,
    BackendCapacity,
    Candidate,
    CandidateGroup,
    Job,
    Key,
    Movable,
    PlacedCount,
    Resource,
    RunTime,
    Snapshot,
    Tenant,
    cost_ranks,
)
from queuebit_scheduling.usage import HALF_LIFE_S, PERIOD_US, Served, micros, moment_of, period_for, period_of
from queuebit_scheduling.windows import Window, obstacle

__all__ = [
    "AGED_US",
    "CLASSES",
    "HALF_LIFE_S",
    "MEDIA_TYPE",
    "OBJECTIVES",
    "PERIOD_US",
    "POLICIES",
    "POLICY",
    "PROBES",
    "Account",
    "BackendCapacity",
    "Candidate",
    "CandidateGroup",
    "Contact",
    "ContactLimits",
    "Cycle",
    "Explanation",
    "FairShare",
    "FellBack",
    "GaveWay",
    "Job",
    "Key",
    "Movable",
    "Place",
    "PlacedCount",
    "Policy",
    "Resource",
    "RunTime",
    "RunTimes",
    "Served",
    "Snapshot",
    "Step",
    "Target",
    "Tenant",
    "Turn",
    "Unexplained",
    "Waiting",
    "Window",
    "by_name",
    "change",
    "class_of",
    "cost_ranks",
    "decode",
    "due_us",
    "encode",
    "explain",
    "explain_stored",
    "is_silent",
    "micros",
    "moment_of",
    "obstacle",
    "period_for",
    "period_of",
    "plan",
    "size_of",
    "waiting",
    "why_placed",
    "why_waiting",
]
