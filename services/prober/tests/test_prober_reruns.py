"""One old job in each slot, of projects that allow it, is run again once, also with two processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from queuebit import AsyncClient
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.probe_documents import Reruns
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.tenant import ProjectDefined, ProjectDefinition, TenantDefined, TenantDefinition
from queuebit_kernel import FixedClock, Unavailable, digest
from queuebit_prober.reruns import RunAgain
from queuebit_prober.state import Consents, Newest
from queuebit_runtime.stored import Stored
from queuebit_testing.local_platform import LocalPlatform, local_credential
from queuebit_testing.memory import MemoryLog

pytestmark = pytest.mark.timeout(180)

BELL = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Warehouse:
    """Says what it is asked, and answers with one job."""

    def __init__(self, counts: str = '{"00":500,"11":500}') -> None:
        self.asked: list[Mapping[str, str]] = []
        self.counts: str | None = counts
        self.meanwhile: Callable[[], None] = lambda: None

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        self.asked.append(parameters)
        self.meanwhile()
        if self.counts is None:
            raise Unavailable("the warehouse does not answer")
        if parameters["projects"] == "[]":
            return []
        return [{
            "tenant": "acme", "job": "j1", "project": "chem", "backend": "aer", "source": BELL,
            "circuit": digest(BELL.encode()), "shots": 1000, "counts": self.counts,
        }]  # fmt: skip


class Prober:
    """One process."""

    def __init__(self, log: MemoryLog, platform: LocalPlatform, warehouse: Warehouse, *, per_day: int = 4) -> None:
        platform.answers["backends"] = [{"backend": "aer"}, {"backend": "torino"}]
        self.consents, self.newest, self.clock = Consents(), Newest(), FixedClock(NOON)
        client = AsyncClient(local_credential(), transport=platform)
        document = Reruns(per_day=per_day)
        self.run = RunAgain(log, self.newest, self.consents, document, warehouse, client, self.clock)

    def allow(self, *, reruns: bool | None) -> None:
        tenant = TenantDefined(
            source="qb/broker", data=TenantDefinition(tenant="acme", max_shots=1, max_active_jobs=1, by="ops")
        )
        project = ProjectDefinition(tenant="acme", project="chem", reruns=reruns, by="ops")
        for event in (tenant, ProjectDefined(source="qb/broker", data=project)):
            self.consents.take(Stored(event, subject_of(event), 1, NOON))


def findings(log: MemoryLog) -> list[ProbeFinding]:
    return [it.event.data for it in log.stored if isinstance(it.event, ProbeJudged)]


async def test_each_slot_has_one_run_and_one_finding_also_with_two_processes() -> None:
    log, platform, warehouse = MemoryLog(), LocalPlatform(), Warehouse()
    one, other = (Prober(log, platform, warehouse) for _ in range(2))
    for it in (one, other):
        it.allow(reruns=True)
        await it.run()
        await it.run()
    (found,) = findings(log)
    assert (found.state, found.kind, found.of_tenant, found.rerun_of) == ("passed", "rerun", "acme", "j1")
    assert len(platform.submissions) == 1
    one.clock.advance(6 * 3600)
    await one.run()
    assert len(findings(log)) == 2


async def test_only_projects_that_allow_it_are_asked_for_and_only_on_the_named_backends() -> None:
    warehouse = Warehouse()
    it = Prober(MemoryLog(), LocalPlatform(), warehouse)
    it.allow(reruns=None)
    await it.run()
    await it.run()
    (asked,) = warehouse.asked
    assert (asked["projects"], asked["backends"]) == ("[]", "['aer']")
    it.allow(reruns=True)
    it.clock.advance(6 * 3600)
    await it.run()
    assert warehouse.asked[1]["projects"] == "['acme/chem']"
    it.allow(reruns=False)
    assert it.consents.projects == []


async def test_a_consent_that_is_withdrawn_while_the_warehouse_is_asked_counts() -> None:
    log, platform, warehouse = MemoryLog(), LocalPlatform(), Warehouse()
    it = Prober(log, platform, warehouse)
    it.allow(reruns=True)
    warehouse.meanwhile = lambda: it.allow(reruns=False)
    await it.run()
    assert (findings(log), platform.submissions) == ([], [])


async def test_a_result_that_differs_is_stated() -> None:
    log = MemoryLog()
    it = Prober(log, LocalPlatform(), Warehouse('{"00":1000}'))
    it.allow(reruns=True)
    await it.run()
    assert [found.state for found in findings(log)] == ["below"]


async def test_off_by_default_and_due_again_after_an_outage() -> None:
    log, warehouse = MemoryLog(), Warehouse()
    off = Prober(log, LocalPlatform(), warehouse, per_day=0)
    off.allow(reruns=True)
    await off.run()
    assert warehouse.asked == []
    it = Prober(log, LocalPlatform(), warehouse)
    it.allow(reruns=True)
    counts, warehouse.counts = warehouse.counts, None
    await it.run()
    assert (it.run.trouble, findings(log)) == ("the warehouse does not answer", [])
    warehouse.counts = counts
    await it.run()
    assert (it.run.trouble, len(findings(log))) == ("", 1)
