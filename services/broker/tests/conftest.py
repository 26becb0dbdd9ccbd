"""Fixtures: an office in memory, and brokers on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queuebit_broker.budgets import Budgets
from queuebit_broker.eligibility import Tariff
from queuebit_broker.snapshot import Snapshot
from queuebit_broker.state import Profiled, World
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import parse_tenants
from queuebit_kernel import FixedClock, Money
from queuebit_pricing import parse
from queuebit_testing.server import NatsServer

from .broker_office import (
    BOOK,
    TENANTS,
    Ask,
    Backends,
    Cancel,
    FakeExecutors,
    Office,
    Submit,
    cancellation,
    registrations,
    request,
    submission,
)
from .broker_stack import Stack


@pytest.fixture
def ask() -> Ask:
    return request


@pytest.fixture
def submit_document() -> Submit:
    return submission


@pytest.fixture
def cancel() -> Cancel:
    return cancellation


@pytest.fixture
def tenants_text() -> str:
    return TENANTS


@pytest.fixture
def book_text() -> str:
    return BOOK


@pytest.fixture
def backends() -> Backends:
    return registrations()


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def snapshot() -> Snapshot:
    """A world in which the Bell pair fits all three backends and 10 USD are left."""
    world, fake = World(), FakeExecutors()
    for sequence, event in enumerate(registrations(), start=1):
        world.take(event, sequence)
    answer = fake.answer(("aer", "cirq", "torino"))
    return Snapshot(
        now=FixedClock().now(),
        directory=Directory(parse_tenants(TENANTS)),
        tariff=Tariff(parse(BOOK)),
        backends=world.registered(),
        profiled=Profiled(answer.profile, {it.backend: it for it in answer.estimates}),
        others_active=0,
        available=Money.of(10),
        budgets=Budgets(),
        existing_hold=None,
        hold_closed=False,
        max_source_bytes=1000,
    )


@pytest.fixture
async def stack(
    tmp_path: Path,
    office: Office,
    backends: Backends,
    tenants_text: str,
    book_text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stack]:
    (tmp_path / "tenants.toml").write_text(tenants_text.replace("max_active_jobs = 2\n", ""))
    (tmp_path / "prices.toml").write_text(book_text)
    server = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),))
    async with server.running():
        stack = Stack(server, tmp_path, office.executors, monkeypatch)
        await stack.open(backends)
        yield stack
        await stack.close()
