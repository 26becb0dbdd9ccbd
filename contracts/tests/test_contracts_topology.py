"""Subjects, permissions and the tenants file."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from queuebit_contracts import subjects
from queuebit_contracts.catalog import CATALOG, EVENTS, wire_name
from queuebit_contracts.executors import Clash, durable_of, with_executors
from queuebit_contracts.job import TERMINAL, Ended
from queuebit_contracts.subjects import covers
from queuebit_contracts.tenants import BadTenants, parse_tenants
from queuebit_contracts.topology import COMPILED, DECISIONS, LOGIN_REQUEST, Party, topology
from queuebit_kernel import InvalidId
from queuebit_runtime.keys import new_seed, public_key

TOPOLOGY = with_executors(topology(), {"aer": ("aer",), "ibm": ("emulated-ibm-torino", "emulated-ibm-perth")})
SERVICES = Path(__file__).parents[2] / "services"


@pytest.mark.parametrize("bad", ["a.b", "*", ">", "a b", "", "A", "-a", "a" * 65, "a\nb", "é"])
def test_an_id_that_could_widen_a_subject_is_refused(bad: str) -> None:
    with pytest.raises(InvalidId):
        subjects.job("acme", bad)
    with pytest.raises(InvalidId):
        subjects.job(bad, "j1")


def test_the_guard_of_an_aggregate_covers_its_events_and_no_others() -> None:
    aggregate = subjects.job("acme", "j1")
    assert aggregate.everything == "qb.job.acme.j1.>"
    assert aggregate.event("placed", "aer") == "qb.job.acme.j1.placed.aer"


def appends(party: Party, address: str) -> bool:
    return any(covers(subject, address) for subject in party.appends)


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_has_one_kind_of_appender(name: str) -> None:
    address = CATALOG[name].subject
    wanted = TOPOLOGY
    services = {who.split("-")[0] for who, party in wanted.service.items() if appends(party, address)}
    clients = [role for role, party in wanted.role.items() if appends(party, address)]
    counted = name.startswith("qb.access.")  # by each service that answers: each process has subjects of its own
    assert counted or len(services) == 1
    assert services == {"broker"} or not clients, "what clients write, the broker's intake forwards"


def test_who_follows_one_end_of_a_job_follows_every_end() -> None:
    ends = {f"qb.job.*.*.{name}" for name in TERMINAL}
    wanted = TOPOLOGY
    followed = [durable.filters for durable in wanted.durable.values()]
    followed += [party.view for party in wanted.service.values()]
    assert [subjects_ for subjects_ in followed if ends <= {*subjects_}]
    for subjects_ in followed:
        assert ends.isdisjoint(subjects_) or ends <= {*subjects_}


def test_each_end_of_a_job_is_an_event_of_the_catalog() -> None:
    assert {wire_name(event) for event in get_args(Ended)} == {f"qb.job.{name}.v1" for name in TERMINAL}


def test_durables_belong_to_services_and_streams_that_exist() -> None:
    wanted = TOPOLOGY
    for durable in wanted.durable.values():
        assert durable.service in wanted.service
        assert durable.stream in wanted.stream


def test_every_service_of_the_topology_has_a_folder() -> None:
    folders = {path.name for path in SERVICES.iterdir() if (path / "pyproject.toml").exists()}
    assert {name.split("-")[0] for name in TOPOLOGY.service} | {"warehouse"} == folders


def test_a_client_is_given_nothing_outside_its_tenant() -> None:
    for role in topology().role:
        allowed = topology().client_permissions(role, "acme", "ann")
        calibrations = "$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.queuebit.>"
        shared = {"qb.backend.>", "$JS.API.DIRECT.GET.LOG.qb.backend.>", calibrations}
        for subject in {*allowed.publish, *allowed.subscribe} - shared:
            assert ".acme." in subject, subject


def test_no_user_has_all_of_jetstream_or_the_system() -> None:
    wanted = TOPOLOGY
    everyone = [wanted.service_permissions(name) for name in wanted.service]
    everyone += [wanted.operator_permissions(), wanted.provisioner_permissions()]
    for permissions in everyone:
        for subject in (*permissions.publish, *permissions.subscribe):
            assert not subject.startswith("$SYS") or subject == LOGIN_REQUEST
            assert subject not in (">", "$JS.>", "$JS.API.>", "_INBOX.>")


def test_no_rule_and_no_user_deletes_facts() -> None:
    log, wanted = TOPOLOGY.stream["LOG"], TOPOLOGY
    assert (log.max_age_s, log.discard) == (0, "new"), "docs/audit.md says that a full log keeps what it has"
    everyone = [wanted.service_permissions(name) for name in wanted.service]
    everyone += [wanted.client_permissions(role, "acme", "ann") for role in wanted.role]
    everyone += [wanted.operator_permissions(), wanted.provisioner_permissions()]
    for verb in ("DELETE", "PURGE", "MSG.DELETE"):
        subject = f"$JS.API.STREAM.{verb}.LOG"
        assert not any(covers(allowed, subject) for permissions in everyone for allowed in permissions.publish)


@pytest.mark.parametrize(
    ("stack", "backend", "durable"),
    [
        ("aer", "aer", "executor-aer"),
        ("ibm", "emulated-ibm-torino", "executor-ibm-torino"),
        ("ibm", "ibm-torino", "executor-ibm-ibm-torino"),
        ("acme", "small", "executor-acme-small"),
    ],
)
def test_a_backend_has_a_durable_of_its_own(stack: str, backend: str, durable: str) -> None:
    assert durable_of(stack, backend) == durable
    wanted = with_executors(topology(), {stack: (backend,)})
    assert wanted.durable[durable].filters == (f"qb.job.*.*.placed.{backend}",)
    assert f"qb.alive.{backend}" in wanted.service_permissions(f"executor-{stack}").subscribe


@pytest.mark.parametrize(
    "stacks",
    [
        {"a": ("x",), "b": ("x",)},
        {"a": ("b",), "a-b": ("a-b",)},
        {"a": ("torino", "emulated-a-torino")},
    ],
    ids=["one backend twice", "durables of two stacks", "durables of one stack"],
)
def test_ambiguous_backends_are_refused(stacks: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Clash, match="offer only one"):
        with_executors(topology(), stacks)


@pytest.mark.parametrize("stacks", [{"A": ("x",)}, {"a.b": ("x",)}, {"a": ("x.>",)}, {"a": ("*",)}])
def test_a_plugin_whose_name_could_widen_a_subject_is_refused(stacks: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(InvalidId):
        with_executors(topology(), stacks)


def test_all_faults_of_a_tenants_file_are_named_at_once() -> None:
    text = '[tenant.Acme]\nshare = 0\n[tenant.b.user.ann]\nrole = "root"\n[tenant.b.project.p]\nbudget = 1.5\n'
    with pytest.raises(BadTenants) as caught:
        parse_tenants(text)
    for word in ("Acme", "role", "budget", "share"):
        assert word in str(caught.value)


def test_one_key_opens_one_door() -> None:
    key = public_key(new_seed())
    with pytest.raises(BadTenants, match="belongs to both"):
        parse_tenants(f'[tenant.a.user.x]\nkeys = ["{key}"]\n[tenant.b.user.y]\nkeys = ["{key}"]\n')


def test_the_scheduler_reads_calibrations_and_compiled_operations_and_no_tenants_payloads() -> None:
    reads = {it for it in topology().service_permissions("scheduler").publish if "DIRECT.GET.KV_PAYLOADS" in it}
    assert {it.rpartition("$KV.PAYLOADS.")[2] for it in reads} == {
        "queuebit.>",
        "queuebit-compiled.>",
        "queuebit-decisions.>",
    }
    writes = {it for it in topology().service_permissions("scheduler").publish if it.startswith("$KV.PAYLOADS.")}
    assert writes == {"$KV.PAYLOADS.queuebit-decisions.*.*"}


@pytest.mark.parametrize("owner", [COMPILED, DECISIONS])
def test_no_user_reads_the_operations_of_compiled_circuits_or_the_inputs_of_decisions(owner: str) -> None:
    for role in topology().role:
        allowed = topology().client_permissions(role, "acme", "ann").publish
        assert not [it for it in allowed if owner in it]
