"""Documents are applied whole, recorded, and only to the world that their plan saw."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from queuebit_contracts.config import Application
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.query import TenantsAnswer, TenantsRequest
from queuebit_contracts.tenants import Tenants, check_tenants, parse_tenants
from queuebit_contracts.wire import Reason
from queuebit_gitops.documents import Source, Wanted, read
from queuebit_gitops.kinds import KINDS
from queuebit_stack import documents_applied, tenant_facts
from queuebit_stack.bootstrap import bootstrap, clients_of, first_tenants, keep_tenants, write_logins, write_nats_config
from queuebit_stack.documents_applied import apply_plan, commit_of, plan_here
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.home_documents import file_of, read_objectives, read_services
from queuebit_stack.ports import DEFAULTS
from queuebit_stack.process import Identity
from queuebit_stack.stack import Running, Stack

ACME = '# ours\n[tenant.acme.project.main]\nbudget = "5"\n'
ACME_ALONE = {"tenants": KINDS["tenants"].normal(tomllib.loads(ACME))}
SLOS = """# ours
apiVersion: openslo/v1
kind: Service
metadata: {name: ours}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: any}
spec:
  service: ours
  indicator:
    metadata: {name: any}
    spec:
      ratioMetric:
        good: {metricSource: {type: queuebit, spec: {indicator: success}}}
        total: {metricSource: {type: queuebit, spec: {indicator: success}}}
  timeWindow: [{duration: 7d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
"""


class Broker:
    """A broker that appends what it is asked for, and what its stack holds."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.facts = Directory(parse_tenants(home.tenants_file.read_text()))
        self.sequence = 7
        self.records: list[Application] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def ask(self, _: object, request: TenantsRequest, wait_s: float = 0) -> TenantsAnswer:
        del wait_s
        if request.document is None:
            return self._answer()
        wanted = check_tenants(request.document)
        if request.dry_run:
            return self._answer()
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        last = len(self.records) and 100 + len(self.records)
        if request.after != self.sequence or (request.applied and request.applied_after != last):
            return TenantsAnswer(errors=(Reason(code="stale", text="another request was faster"),))
        for event in changes(self.facts, wanted, request.by):
            self.facts.take(event)
            self.sequence += 1
        if request.applied:
            self.records.append(request.applied)
        return self._answer()

    async def last(self, _: object) -> int:
        return len(self.records) and 100 + len(self.records)

    def _answer(self) -> TenantsAnswer:
        document: Tenants = self.facts.document()
        return TenantsAnswer(sequence=self.sequence, document=document.model_dump(mode="json"))


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Broker:
    home = Home(tmp_path / "home")
    bootstrap(home)
    running = {"nats-server": Running.of(Identity.of(os.getpid()))}
    Stack("up", dict(DEFAULTS), {}, Running(), running).save(home)
    keep_tenants(home)
    write_nats_config(home, dict(DEFAULTS), first_tenants(home))
    write_logins(home, first_tenants(home))
    it = Broker(home)
    monkeypatch.setattr(tenant_facts, "ask", it.ask)
    monkeypatch.setattr("queuebit_stack.bus_logins.nats_server.reload", lambda *_: "")
    monkeypatch.setattr(documents_applied, "ask", it.ask)
    monkeypatch.setattr(documents_applied, "operator_of", lambda _: None)
    monkeypatch.setattr(documents_applied, "last_application", it.last)
    return it


def wanted(texts: dict[str, str]) -> dict[str, Wanted]:
    return read(Source(kind, f"{kind}.{'yaml' if kind == 'slos' else 'toml'}", text) for kind, text in texts.items())


def apply(broker: Broker, texts: dict[str, str], *, prune: bool = False) -> None:
    written = wanted(texts)
    plan, _ = plan_here(broker.home, {kind: it.document for kind, it in written.items()}, prune=prune)
    apply_plan(broker.home, plan, written, "ada", "c0ffee")


def state(broker: Broker) -> tuple[object, ...]:
    places = [*broker.home.root.glob("*.toml"), *broker.home.objectives_folder.glob("*")]
    files = [it.read_text() for it in sorted(places)]
    return broker.facts.document(), files, broker.home.nats_config.read_text(), len(broker.records)


def test_documents_are_recorded_and_in_force(broker: Broker) -> None:
    apply(broker, {"tenants": ACME, "slos": SLOS, "services": "[service.scheduler]\nplaces_per_slot = 3\n"})
    (record,) = broker.records
    assert (record.by, record.commit, record.omitted) == ("ada", "c0ffee", 0)
    assert [f"{it.action} {it.kind} {it.name}" for it in record.changes][:3] == [
        "create tenants tenant.acme",
        "create tenants tenant.acme.project.main",
        "create slos Service.ours",
    ]
    assert {*record.documents} == {"tenants", "slos", "services"}
    assert {*broker.facts.tenant} == {"acme", "demo"}, "demo was not named, and stays"
    assert file_of(broker.home, "slos").read_text() != SLOS, "other objectives stay, so the file holds more than ours"
    assert read_services(broker.home).environment("scheduler")["QUEUEBIT_SCHEDULER_PLACES_PER_SLOT"] == "3"
    apply(broker, {"slos": SLOS}, prune=True)
    assert file_of(broker.home, "slos").read_text() == SLOS, "with its comments"
    assert [it.name for it in read_objectives(broker.home)] == ["any"]


def test_objectives_in_several_files_become_one_and_may_not_contradict_those_in_force(broker: Broker) -> None:
    apply(broker, {"slos": SLOS}, prune=True)
    more = SLOS.split("---\n")[1].replace("any", "more").replace("7d", "8d")
    (broker.home.objectives_folder / "more.yaml").write_text(more)
    assert [it.name for it in read_objectives(broker.home)] == ["more", "any"]
    with pytest.raises(Stop, match=r"promises the same as SLO \w+, with two targets"):
        apply(broker, {"slos": SLOS.replace("any", "new").replace("0.9}", "0.8}")})
    apply(broker, {"slos": SLOS.replace("any", "new").replace("7d", "9d")})
    assert {it.name for it in read_objectives(broker.home)} == {"any", "more", "new"}
    assert [it.name for it in broker.home.objectives_folder.iterdir()] == ["objectives.yaml"]


def test_objectives_of_an_earlier_version_are_refused_with_what_to_do(broker: Broker) -> None:
    (broker.home.root / "slos.toml").write_text("window_days = 7\n")
    with pytest.raises(Stop, match=r"slos\.toml is of an earlier version: write its objectives as OpenSLO documents"):
        read_objectives(broker.home)


def test_what_is_in_force_already_is_not_applied_again(broker: Broker) -> None:
    apply(broker, {"tenants": ACME})
    plan, _ = plan_here(broker.home, ACME_ALONE, prune=False)
    assert plan.changes == ()


def test_a_plan_is_refused_after_the_world_moved(broker: Broker) -> None:
    old, _ = plan_here(broker.home, ACME_ALONE, prune=False)
    prices, _ = plan_here(broker.home, {"services": {"service": {"broker": {}}}}, prune=False)
    apply(broker, {"tenants": ACME.replace("acme", "beta")})
    before = state(broker)
    for plan, why in ((old, "tenants changed since"), (prices, "the history of applications changed since")):
        with pytest.raises(Stop, match=why) as caught:
            apply_plan(broker.home, plan, {}, "bob", None)
        assert caught.value.code == Exit.REFUSED
    assert state(broker) == before


@pytest.mark.parametrize("texts", [{"tenants": ACME}, {"slos": SLOS}, {"tenants": ACME, "slos": SLOS}])
def test_of_two_at_the_same_time_one_is_refused_whole(broker: Broker, texts: dict[str, str]) -> None:
    def faster() -> None:
        broker.records.append(Application(by="bob", plan="sha256:" + "0" * 64))

    before = state(broker)[:-1]
    broker.meanwhile = faster
    with pytest.raises(Stop, match="another request was faster"):
        apply(broker, texts)
    assert state(broker)[:-1] == before
    assert [it.by for it in broker.records] == ["bob"]


def test_a_damaged_plan_is_refused(broker: Broker) -> None:
    plan, _ = plan_here(broker.home, ACME_ALONE, prune=False)
    forged = plan.model_copy(update={"documents": {"tenants": {"removed": ["demo"], "tenant": {}}}})
    with pytest.raises(Stop, match="does not have the digest of its documents"):
        apply_plan(broker.home, forged, {}, "eve", None)
    assert broker.records == []


def test_edits_of_the_home_that_are_not_in_force_are_not_lost(broker: Broker) -> None:
    with broker.home.tenants_file.open("a") as file:
        file.write("[tenant.mine]\n")
    with pytest.raises(Stop, match="has edits that are not in force"):
        apply(broker, {"tenants": ACME})
    apply(broker, {"slos": SLOS})
    assert "[tenant.mine]" in broker.home.tenants_file.read_text()


def test_a_removed_tenant_can_no_longer_log_in(broker: Broker) -> None:
    (key,) = (it.key for it in clients_of(broker.facts.document()))
    assert key in broker.home.nats_config.read_text()
    apply(broker, {"tenants": ACME}, prune=True)
    assert key not in broker.home.nats_config.read_text()
    assert [*broker.facts.removed] == ["demo"]


def test_a_record_has_room_for_as_many_changes_as_an_event_may_hold(broker: Broker) -> None:
    many = "".join(f"[tenant.t{number}]\n" for number in range(1500))
    apply(broker, {"tenants": many})
    (record,) = broker.records
    assert len(record.changes) + record.omitted == 1500
    assert 0 < record.omitted < 1500
    assert len(record.model_dump_json()) < 131_072


def test_a_commit_is_that_of_the_work_tree(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None

    def git(*words: str) -> str:
        identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "slos.yaml").write_text(SLOS)
    git("add", ".")
    git("commit", "-qm", "objectives")
    head = git("rev-parse", "HEAD")
    assert commit_of(tmp_path) == commit_of(tmp_path / "slos.yaml") == head
    (tmp_path / "slos.yaml").write_text("other")
    assert commit_of(tmp_path) == f"{head}-dirty"
