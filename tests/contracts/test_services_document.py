"""FastStream's document of the routes agrees with the topology."""

from __future__ import annotations

import pytest
from tests.contracts.services_document import DOCUMENT, services_document, text_of

from queuebit_contracts.executors import with_executors
from queuebit_contracts.intake import ARRIVALS
from queuebit_contracts.topology import LOGIN_REQUEST, Topology, topology


@pytest.fixture(scope="module")
def addresses() -> dict[str, str]:
    return {name: channel["address"] for name, channel in services_document()["channels"].items()}


@pytest.fixture(scope="module")
def wanted() -> Topology:
    return with_executors(topology(), {"aer": ("aer",)})


def test_the_committed_document_is_fresh() -> None:
    assert DOCUMENT.read_text() == text_of(services_document()), "run `make generate` and commit it"


def test_every_consumer_of_the_topology_has_a_route_of_its_name(addresses: dict[str, str], wanted: Topology) -> None:
    for name, durable in wanted.durable.items():
        assert addresses[name] in durable.filters


def test_every_request_that_a_service_may_answer_has_a_route(addresses: dict[str, str], wanted: Topology) -> None:
    """But for the intake and logins, which need no FastStream: the services answer them by themselves."""
    answered = {subject for party in wanted.service.values() for subject in party.answers} - {ARRIVALS, LOGIN_REQUEST}
    assert answered <= {*addresses.values()}


def test_no_route_listens_where_no_service_may(addresses: dict[str, str], wanted: Topology) -> None:
    allowed = {subject for durable in wanted.durable.values() for subject in durable.filters}
    for party in wanted.service.values():
        allowed |= {*party.answers, *party.follows}
    assert {*addresses.values()} <= allowed
