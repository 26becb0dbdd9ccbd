"""Subjects are built and parsed in `queuebit_contracts.subjects` alone, and event types are those of the catalogue.

Modules beside it hold forms of subjects: the catalogue, one for each type, the intake, those of its arrivals, and
`subjects_alerting`, those of alerts.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_contracts.catalog import CATALOG, wire_name
from queuebit_contracts.job import JobCompleted, JobFailed
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.tables import view_query
from queuebit_proof.record import OUTCOMES

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for it in ("contracts/src", "libs/*/src", "services/*/src", "examples") for path in ROOT.glob(f"{it}/**/*.py")
)

SUBJECT = re.compile(r"^qb\.[a-z]+(\.|$)")
TYPE = re.compile(r"qb\.[a-z]+\.[a-z_]+\.v[0-9]+")
SUSPECT = re.compile(r"""qb\.|["']\.["']""")
CUTS = frozenset({"split", "rsplit", "partition", "rpartition"})

HOMES = frozenset(
    f"contracts/src/queuebit_contracts/{it}.py"
    for it in ("subjects", "subjects_alerting", "catalog", "intake", "topology")
)
CUTTERS = frozenset(
    f"contracts/src/queuebit_contracts/{it}.py" for it in ("subjects", "patterns", "wildcards", "intake")
)

DOTS_THAT_ARE_NO_SUBJECTS = frozenset({
    "libs/audit_trail/src/queuebit_audit_trail/actions.py",  # the name of an action
    "libs/kernel/src/queuebit_kernel/money.py",  # a decimal
    "libs/sdk/src/queuebit/exporting.py",  # a module
    "libs/sdk/src/queuebit/amounts.py",  # a decimal
    "libs/runtime/src/queuebit_runtime/tickets.py",  # a password
    "services/broker/src/queuebit_broker/proofs.py",  # a signed token
    "services/gateway/src/queuebit_gateway/oauth.py",  # a signed token
    "services/gateway/src/queuebit_gateway/webhooks/store.py",  # a key of a bucket
    "libs/runtime/src/queuebit_runtime/requests.py",  # an inbox
    "libs/simulation/src/queuebit_simulation/server.py",  # patterns, calls and replies of the protocol of a nats-server
    "libs/runtime/src/queuebit_runtime/delivery.py",  # a reply subject of the server
})  # fmt: skip


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each text outside docstrings, with its line; of an f-string its beginning."""
    said = {it.value for it in ast.walk(tree) if isinstance(it, ast.Expr)}
    for it in ast.walk(tree):
        if it in said:
            continue
        if isinstance(it, ast.Constant) and isinstance(it.value, str):
            yield it.lineno, it.value


def dots(tree: ast.AST) -> Iterator[int]:
    for it in ast.walk(tree):
        if isinstance(it, ast.Call) and isinstance(it.func, ast.Attribute) and it.func.attr in CUTS and it.args:
            first = it.args[0]
            if isinstance(first, ast.Constant) and first.value == ".":
                yield it.lineno


def test_subjects_are_built_and_parsed_in_one_module() -> None:
    found = []
    for path in SOURCES:
        name, source = str(path.relative_to(ROOT)), path.read_text()
        if not SUSPECT.search(source):  # to parse all modules takes seconds
            continue
        tree = ast.parse(source)
        if name not in HOMES:
            found += [f"{name}:{line} {it}" for line, it in texts(tree) if SUBJECT.match(it) and not TYPE.fullmatch(it)]
        if name not in CUTTERS | DOTS_THAT_ARE_NO_SUBJECTS:
            found += [f"{name}:{line} cuts at dots" for line in dots(tree)]
    assert not found, "use queuebit_contracts.subjects: " + "; ".join(found)


@pytest.mark.parametrize(
    "source",
    ['client.subscribe("qb.job.*.*.started")', 'f"qb.alive.{backend}"', 'subject.split(".")[2]', 'x.rpartition(".")'],
)
def test_the_check_sees(source: str) -> None:
    tree = ast.parse(source)
    assert SUSPECT.search(source)
    assert any(SUBJECT.match(it) for _, it in texts(tree)) or any(dots(tree))


def test_every_type_that_is_named_anywhere_is_in_the_catalogue() -> None:
    for path in (*SOURCES, *ROOT.glob("contracts/src/**/*.sql")):
        assert {*TYPE.findall(path.read_text())} <= {*CATALOG} | {"qb.account.funded.v9"}, path


def test_where_one_version_of_a_type_is_counted_all_are() -> None:
    """A type that got a new version stays in the log in both."""
    versions: defaultdict[str, set[str]] = defaultdict(set)
    for name in CATALOG:
        versions[name.rpartition("v")[0]].add(name)
    queries = ROOT / "services/telemetry/src/queuebit_telemetry/queries.py"
    for path in (queries, *ROOT.glob("contracts/src/**/*.sql")):
        for line in path.read_text().splitlines():
            for name in TYPE.findall(line):
                assert versions[name.rpartition("v")[0]] <= {*TYPE.findall(line)}, f"{path}: {line}"


def test_the_view_of_jobs_knows_every_state_and_every_end() -> None:
    query = view_query("jobs")
    lists = [{*TYPE.findall(it)} for it in re.findall(r"\([^()]*\)", query)]
    states = {name for name, it in CATALOG.items() if it.state is not None}
    ends = {name for name, it in CATALOG.items() if it.terminal}
    weights = next(it for it in re.findall(r"multiIf\((.*?)AS weight", query, re.DOTALL))
    assert {*TYPE.findall(weights)} == states, "each state has a weight"
    assert states <= {*TYPE.findall(query.rpartition("WHERE")[2])}, "the view reads each state"
    for types in lists:
        assert not types & ends or types >= ends, f"{types} names some ends and not all"


def test_queries_name_every_end_or_what_ran() -> None:
    ends = {name for name, it in CATALOG.items() if it.terminal}
    ran = {wire_name(JobCompleted), wire_name(JobFailed)}
    queries = (ROOT / "services/telemetry/src/queuebit_telemetry/queries.py").read_text()
    found = [{*TYPE.findall(it)} for it in re.findall(r"IN \([^()]*\)", queries) if TYPE.search(it)]
    assert ends in found
    assert all(types in (ends, ran) for types in found if types & ends)


def test_a_receipt_can_state_every_end() -> None:
    assert {*TERMINAL} <= OUTCOMES
