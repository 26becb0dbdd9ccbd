"""Each port has a law suite, which its implementations and its fakes inherit."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ("contracts/tests/**/*.py", "libs/*/tests/**/*.py", "services/*/tests/**/*.py", "tests/**/*.py")

WITHOUT_LAWS = {
    "Broker": "one implementation, a question over the bus; its fake says what a test wants",
    "CaseSums": "one implementation, the warehouse; its fake only remembers what was added",
    "Access": "both implementations have the same cases on a running stack (test_client_ways.py)",
    "Follows": "one method of a view, which has tests of its own",
    "Keeps": "one implementation, a file; what is lost is taken again (test_alerting_watching.py)",
    "Liveness": "one implementation, tested with what the scheduler writes; its fake says what a test wants",
    "Receiver": "each receiver of audit records has its own form, tested with a file and with servers",
    "Rows": "one implementation, the warehouse; its fake counts what a test says",
    "Secrets": "one implementation, files; tested with files that are missing and malformed",
    "SignalSource": "each source has its own rules and tests",
    "Door": "one implementation, the recorder of the runtime; its fake remembers what was counted",
    "Evidence": "one implementation, the warehouse; its fake only remembers which incidents were held",
    "Heartbeats": "a part of Endpoints",
    "CheckProofs": "one implementation; histories without proofs have none",
    "Connection": "an attribute that nats-py and chDB have; nothing is promised beyond it",
    "Encoder": "internal to the warehouse: each is compared with the engine's own output",
    "Endpoints": "one implementation, the bucket; tested on a real server by a gateway that is killed",
    "Histories": "a part of EventLog; what is read in groups is compared with it",
    "Insist": "how a handler repeats a step, passed to what makes the steps",
    "KeySets": "one implementation, tested with a real server; its fake has one set of keys",
    "Platform": "both implementations plan and run the same circuits on a running stack, and must agree (test_ci.py)",
    "Cancel": "jobs and hybrid jobs are cancelled by handlers with tests of their own",
    "Running": "one implementation, a child; its handler is tested with real ones that are killed",
    "Runs": "as Running",
    "Past": "one implementation, on the log; streams are tested over a log in memory and over a stack that is killed",
    "Placer": "a policy in the laboratory: each job is placed once, on a machine that fits and is open (test_lab.py)",
    "Policy": "a pure function: `qb verify` makes its decisions again",
    "Result": "what chDB returns",
    "RunTimer": "one implementation, the stopwatch of a run; when it counts is part of CircuitsLaws",
    "CountsJobs": "one implementation, the warehouse; its counts are compared with a history (test_canaries.py)",
    "Cases": "runs a query of an objective; its answers are compared with a history (test_telemetry_questions.py)",
    "Excluding": "what a plugin may add to Backend; one implementation, and no fake",
    "KeptCases": "the fake of its test counts calls only; the warehouse itself is tested there, too",
    "Scheduler": "one implementation, a request over the bus; the scheduler's answers have tests of their own",
    "Queueing": "what a plugin may add to Backend; VendorLaws have its law",
    "SharesDevice": "what a plugin may add to Backend; one implementation, and no fake",
    "Peer": "one implementation, in memory; answers are compared with a real server's (test_simulation_server.py)",
    "Leaf": "attributes of two values; nothing is promised beyond them",
    "TakesCalibration": "what a plugin may add to Backend; one implementation, and no fake",
    "Sealing": "one implementation, and no fake",
    "Snapshots": "one implementation, the store of payloads, which has laws of its own",
    "Signer": "its signatures are verified by programs of others; those of devices by DeviceLaws",
    "Slots": "a part of Endpoints",
    "Snapshotted": "one law for both states: a snapshot and the rest are the whole (test_snapshots.py)",
    "Facts": "one implementation, and no fake",
    "Sums": "one implementation, and no fake",
    "Source": "as Past: the same reader of the log",
    "Traces": "one implementation, and no fake",
    "Turn": "part of CircuitsLaws",
    "Worker": "part of CircuitsLaws",
    "Workloads": "one implementation, and no fake",
}


@cache
def classes(*patterns: str) -> tuple[ast.ClassDef, ...]:
    """The classes of modules with a port or a suite of laws: to parse all modules takes seconds."""
    texts = (path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern)))
    trees = (ast.parse(it) for it in texts if "Protocol" in it or "Laws" in it)
    return tuple(it for tree in trees for it in ast.walk(tree) if isinstance(it, ast.ClassDef))


def bases(it: ast.ClassDef) -> set[str]:
    return {base.id for base in it.bases if isinstance(base, ast.Name)}


def test_each_port_has_laws_or_a_reason_why_not() -> None:
    sources = classes("libs/*/src/**/*.py", "services/*/src/**/*.py")
    ports = {it.name for it in sources if "Protocol" in bases(it) and not it.name.startswith("_")}
    laws = {it.name.removesuffix("Laws") for it in (*classes(*TESTS), *sources) if it.name.endswith("Laws")}
    assert ports - laws - WITHOUT_LAWS.keys() == set(), "write a suite NAMELaws, or say why there is none"
    assert WITHOUT_LAWS.keys() <= ports - laws, "there are laws now, or no such port: remove its entry"


def test_each_suite_of_laws_is_inherited_twice() -> None:
    tests = classes(*TESTS)
    for suite in {base for it in tests for base in bases(it) if base.endswith("Laws")}:
        assert sum(suite in bases(it) for it in tests) > 1, f"{suite} holds one class only"
