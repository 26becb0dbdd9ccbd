"""The laws of a plugin whose vendor is away, refuses, or answers nonsense; a part of `VendorLaws`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest

from queuebit_kernel import event_id
from queuebit_quantum import Backend, NotReachable, Outcome, UnknownHandle, WorkItem, parse
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed, VendorRefused
from queuebit_testing.backend_laws import BackendLaws, collected
from queuebit_testing.stub_vendor import Failure, Garbage, LostReply, Status, StubVendor

__all__ = ["HEAD", "MANY", "ONE", "Reopened", "VendorFailureLaws", "counts_of", "insist", "item_of", "returns_within"]

Reopened = Callable[[], Backend]
"""Returns an object of the plugin that knows nothing of the others, as in a new process."""

HEAD = 'OPENQASM 2.0; include "qelib1.inc"; '
ONE = HEAD + "qreg q[2]; creg c[2]; x q[0]; measure q -> c;"
"""A circuit whose only outcome is 01."""
MANY = 1_000_000
"""More requests than a test makes."""

_OUTAGES: Mapping[str, Failure] = {
    "429": Status(429, {"Retry-After": "1"}),
    "500": Status(500),
    "503": Status(503),
    "no answer": LostReply(taken=False),
    "another's page": Garbage(),
    "half an answer": Garbage(b'{"id": "', "application/json"),
}
_CALLS = ("submit", "find", "poll", "collect", "cancel", "usage")
_OUTAGES_OF_CALLS = [
    (name, case)
    for name in _CALLS
    for case, how in _OUTAGES.items()
    if not (name == "cancel" and isinstance(how, Garbage))  # its answer has nothing that a plugin needs to read
]

_T = TypeVar("_T")


def insist(call: Callable[[], _T], times: int = 30) -> _T:
    """Repeat a call while the vendor is not reachable, as the executor does."""
    for _ in range(times):
        try:
            return call()
        except NotReachable:
            continue
    return call()


def returns_within(vendor: StubVendor, requests: int, call: Callable[[], object]) -> bool:
    """Make a call in a process that is gone after so many requests; return whether the call ended before that."""
    vendor.cut(requests)
    try:
        call()
    except NotReachable:
        return False
    finally:
        vendor.heal()
    return True


def item_of(backend: Backend, source: str = ONE, shots: int = 100) -> WorkItem:
    """Compile a circuit for a backend."""
    return WorkItem(backend.compile(parse(source), 1), shots, 1)


def counts_of(backend: Backend, handle: str) -> list[dict[str, int] | str]:
    """Wait for a submission, and return the counts of each item, or the code of its failure."""
    return [dict(it.counts) if isinstance(it, Outcome) else it.code for it in collected(backend, handle)]


def _call(backend: Backend, name: str, handle: str, token: str) -> object:
    """Make one call about an ended submission; `submit` with a token of its own."""
    match name:
        case "submit":
            return backend.submit([item_of(backend)], f"{token}-again")
        case "find":
            return backend.find(token)
        case _:
            return getattr(backend, name)(handle)


class VendorFailureLaws(BackendLaws):
    """Needs the fixtures of `VendorLaws`."""

    @pytest.mark.parametrize(("name", "case"), _OUTAGES_OF_CALLS)
    def test_a_vendor_that_is_away_is_asked_again(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor, name: str, case: str
    ) -> None:
        token, other = event_id(), reopened()
        handle = backend.submit([item_of(backend)], token)
        before = collected(backend, handle)
        held = len(vendor.jobs)
        vendor.fail("*", _OUTAGES[case], MANY)
        with pytest.raises(NotReachable):
            _call(other, name, handle, token)
        vendor.heal()
        _call(other, name, handle, token)
        assert backend.collect(handle) == before
        assert len(vendor.jobs) == held + (name == "submit")

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_vendor_that_asks_to_wait_is_asked_again_and_has_the_run_once(
        self, backend: Backend, vendor: StubVendor, status: int
    ) -> None:
        for where in (vendor.submits, "*"):
            vendor.fail(where, Status(status, {"Retry-After": "0"}), times=2)
        token = event_id()
        handle = insist(lambda: backend.submit([item_of(backend)], token))
        vendor.fail("*", Status(status, {"Retry-After": "0"}), times=2)
        assert insist(lambda: counts_of(backend, handle)) == [{"01": 100}]
        assert len(vendor.jobs) == 1

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("name", ["submit", "poll"])
    def test_the_wait_that_a_vendor_asks_for_is_passed_on(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor, name: str, status: int
    ) -> None:
        """The executor obeys it, if it knows it."""
        token, other = event_id(), reopened()
        handle = backend.submit([item_of(backend)], token)
        vendor.fail("*", Status(status, {"Retry-After": "7"}), MANY)
        with pytest.raises(NotReachable) as raised:
            _call(other, name, handle, token)
        assert raised.value.retry_after_s == 7

    @pytest.mark.parametrize("name", _CALLS)
    def test_credentials_that_are_refused_are_not_tried_again(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor, name: str
    ) -> None:
        token, other = event_id(), reopened()
        handle = backend.submit([item_of(backend)], token)
        before = collected(backend, handle)
        asked, held = len(vendor.requests), len(vendor.jobs)
        vendor.accepts = False
        with pytest.raises(VendorCredentials, match=vendor.no_access):
            _call(other, name, handle, token)
        assert len(vendor.requests) - asked <= 3
        assert len(vendor.jobs) == held
        vendor.heal()
        assert backend.collect(handle) == before

    def test_what_the_vendor_refuses_is_the_tenants_fault(self, backend: Backend, vendor: StubVendor) -> None:
        vendor.fail(vendor.submits, vendor.refused("no more than 5 gates on a Sunday"), MANY)
        with pytest.raises(VendorRefused, match="no more than 5 gates on a Sunday"):
            backend.submit([item_of(backend)], event_id())
        assert vendor.received(vendor.submits) == 1

    @pytest.mark.parametrize("name", ["poll", "collect", "usage"])
    @pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'{"status": 7}'])
    def test_an_answer_of_another_shape_is_no_result(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor, name: str, body: bytes
    ) -> None:
        token, other = event_id(), reopened()
        handle = backend.submit([item_of(backend)], token)
        before = collected(backend, handle)
        vendor.fail("*", Garbage(body, "application/json"), MANY)
        with pytest.raises((NotReachable, VendorFailed, UnknownHandle)):
            _call(other, name, handle, token)
        vendor.heal()
        assert backend.collect(handle) == before
