"""The bus and the facts follow a document: in an order in which the bus never grants what the facts deny."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from queuebit.errors import Unreachable
from queuebit_contracts.directory import Directory, changes, faults
from queuebit_contracts.query import TenantsAnswer, TenantsRequest
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.tenants import Tenant, Tenants, User, check_tenants, tenants_toml
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale
from queuebit_runtime.keys import new_seed, public_key
from queuebit_stack import tenant_facts
from queuebit_stack.bootstrap import (
    bootstrap,
    clients_of,
    first_tenants,
    is_in_force,
    keep_tenants,
    logins,
    write_logins,
    write_nats_config,
)
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.ports import DEFAULTS
from queuebit_stack.process import Identity
from queuebit_stack.stack import Running, Stack
from queuebit_stack.tenant_facts import apply_here, import_edited

OLD, NEW, BOB = (public_key(new_seed()) for _ in range(3))


def document(ann: tuple[str, ...], **others: Tenant) -> Tenants:
    return Tenants(tenant={"acme": Tenant(user={"ann": User(role="admin", keys=ann)}), **others})


BEFORE, AFTER = document((OLD,)), document((NEW,), beta=Tenant(user={"bob": User(keys=(BOB,))}))


class Crash(BaseException):
    """The command was killed here."""


class World:
    """A home, a broker and a bus that go along, one step at a time, until a step at which the command is killed."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.facts = Directory(BEFORE)
        self.sequence = 1
        self.up = True
        self.lost = ""
        """What is lost of the next request that applies a document: the `request`, or the `reply`."""
        self.steps = 0
        self.killed_at = 0
        self.bus: set[str] = set()
        self.stack = Stack("up", dict(DEFAULTS), {}, Running(), {"nats-server": Running.of(Identity.of(os.getpid()))})
        self.stack.save(home)
        self.write(BEFORE)
        keep_tenants(home)
        write_nats_config(home, dict(DEFAULTS), first_tenants(home))
        write_logins(home, first_tenants(home))
        self.reload()

    def write(self, wanted: Tenants) -> None:
        self.home.tenants_file.write_text(tenants_toml(wanted))

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.killed_at:
            raise Crash

    def reload(self, *_: object) -> None:
        config = self.home.nats_config.read_text()
        self.bus = {key for key in (OLD, NEW, BOB) if key in config}
        denied = self.bus - {it.key for it in clients_of(self.facts.document())}
        assert not denied, "the bus grants what the facts deny"
        self.step()

    def ask(self, _: object, request: TenantsRequest, wait_s: float = 0) -> TenantsAnswer:
        del wait_s
        if not self.up:
            raise Unreachable("no broker answers")
        self.step()
        if request.document is None:
            return TenantsAnswer(document=self.facts.document().model_dump(mode="json"))
        wanted = check_tenants(request.document)
        if wrong := faults(self.facts, wanted):
            errors = tuple(Reason(code="bad_tenants", text=it) for it in wrong)
            return TenantsAnswer(document=self.facts.document().model_dump(mode="json"), errors=errors)
        events = changes(self.facts, wanted, request.by)
        before = self.facts.document().model_dump(mode="json")
        if request.dry_run:
            return TenantsAnswer(sequence=self.sequence, document=before, changes=tuple(map(subject_of, events)))
        if self.lost == "request":
            self.lost = ""
            raise Unreachable("nothing answers")
        if request.after not in (None, self.sequence):
            return TenantsAnswer(document=before, errors=(Reason(code=Stale.code, text="changed at the same time"),))
        for event in events:
            self.facts.take(event)
        self.sequence += len(events)
        self.step()
        if self.lost == "reply":
            self.lost = ""
            raise Unreachable("no reply")
        return TenantsAnswer(sequence=self.sequence, changes=tuple(map(subject_of, events)))

    def apply(self, wanted: Tenants = AFTER, *, overwrite: bool = False) -> object:
        self.write(wanted)
        return apply_here(self.home, self.stack, wanted, "ada", overwrite=overwrite)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    numbers = itertools.count()

    def make() -> World:
        home = Home(tmp_path / f"home{next(numbers)}")
        bootstrap(home)
        made = World(home)
        monkeypatch.setattr(tenant_facts, "ask", made.ask)
        monkeypatch.setattr("queuebit_stack.bus_logins.nats_server.reload", made.reload)
        return made

    return make


def test_a_document_is_in_force_in_the_facts_and_on_the_bus(world: Callable[[], World]) -> None:
    it = world()
    assert it.apply() == (
        "qb.tenant.acme.user_defined.ann",
        "qb.tenant.beta.defined",
        "qb.tenant.beta.user_defined.bob",
    )
    assert it.bus == {NEW, BOB}
    assert is_in_force(it.home)


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_document_comes_into_force_though_a_message_is_lost(world: Callable[[], World], lost: str) -> None:
    it = world()
    it.lost = lost
    assert it.apply() == (
        "qb.tenant.acme.user_defined.ann",
        "qb.tenant.beta.defined",
        "qb.tenant.beta.user_defined.bob",
    )
    assert (it.lost, it.bus, is_in_force(it.home)) == ("", {NEW, BOB}, True)


def test_after_any_kill_the_bus_grants_no_more_than_the_facts_and_the_next_apply_completes_it(
    world: Callable[[], World],
) -> None:
    whole = world()
    whole.apply()
    steps = range(world().steps + 1, whole.steps + 1)
    assert len(steps) == 6
    for step in steps:
        it = world()
        it.killed_at = step
        with pytest.raises(Crash):
            it.apply()
        it.reload()  # whatever nats-server reads if it is started again here
        it.apply()
        assert it.facts.document().tenant == AFTER.tenant
        assert it.bus == {NEW, BOB}
        assert is_in_force(it.home)


@pytest.mark.parametrize("step", range(1, 7))
def test_after_any_kill_the_previous_document_can_be_restored(world: Callable[[], World], step: int) -> None:
    it = world()
    it.killed_at = it.steps + step
    with contextlib.suppress(Crash):  # fewer steps were enough
        it.apply(document((NEW,)))
    it.killed_at = 0
    it.apply(BEFORE, overwrite=True)
    assert it.facts.document().tenant == BEFORE.tenant
    assert it.bus == {OLD}


def test_what_was_closed_without_a_broker_is_not_opened_by_a_refused_document(world: Callable[[], World]) -> None:
    it = world()
    it.up = False
    it.apply(document(()))
    it.up = True
    with pytest.raises(Stop):
        it.apply(Tenants(tenant={"beta": Tenant()}))
    assert it.bus == set()


def test_what_was_revoked_from_elsewhere_is_closed_at_the_next_start(world: Callable[[], World]) -> None:
    it = world()
    for event in changes(it.facts, document(()), "ci"):
        it.facts.take(event)
    with pytest.raises(Stop, match="changed from elsewhere"):
        import_edited(it.home, it.stack)
    assert it.bus == set()


def test_without_a_broker_what_is_revoked_is_closed_and_what_is_new_waits(world: Callable[[], World]) -> None:
    it = world()
    it.up = False
    assert it.apply() is None
    assert it.bus == set()
    assert not is_in_force(it.home)
    it.up = True
    it.apply()
    assert it.bus == {NEW, BOB}


def test_a_bus_that_refuses_what_is_new_keeps_what_it_takes(
    world: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = world()

    def refusing(*_: object) -> str:
        it.reload()
        return "refused" if BOB in it.home.nats_config.read_text() else ""

    monkeypatch.setattr("queuebit_stack.bus_logins.nats_server.reload", refusing)
    with pytest.raises(Stop, match="nats-server goes on as before"):
        it.apply()
    assert it.facts.document().tenant == AFTER.tenant
    assert BOB not in it.home.nats_config.read_text(), "it would not start again"
    assert logins(it.home) is not None, "the warehouse takes its logins from there"
    assert not is_in_force(it.home)
    monkeypatch.setattr("queuebit_stack.bus_logins.nats_server.reload", it.reload)
    it.apply()
    assert it.bus == {NEW, BOB}


def test_a_refused_document_changes_nothing(world: Callable[[], World]) -> None:
    it = world()
    with pytest.raises(Stop, match="tenant acme is in force and the document does not name it") as caught:
        it.apply(Tenants(tenant={"beta": Tenant()}))
    assert caught.value.code == Exit.USAGE
    assert it.bus == {OLD}


def test_facts_from_elsewhere_are_not_undone(world: Callable[[], World]) -> None:
    it = world()
    for event in changes(it.facts, document((OLD,), gamma=Tenant()), "ci"):
        it.facts.take(event)
    with pytest.raises(Stop, match="changed from elsewhere") as caught:
        it.apply()
    assert caught.value.code == Exit.REFUSED
    assert it.bus == {OLD}


def test_tenants_that_no_request_can_carry_are_refused_before_they_are_sent() -> None:
    """The bus cut the connection, and the command waited for an answer."""
    many = Tenants(tenant={f"t{number}": Tenant() for number in range(20_000)})
    request = TenantsRequest(document=many.model_dump(mode="json"), by="ann")
    with pytest.raises(Stop, match="a request at most 1,000,000"):
        tenant_facts.ask(lambda: pytest.fail("it was sent"), request)
