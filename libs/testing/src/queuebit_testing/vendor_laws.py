"""The laws of a plugin for a vendor, against a stub of the vendor's interface.

To test a plugin, inherit `VendorLaws` in a test class with three fixtures: `vendor`, a running `StubVendor`; `backend`,
a new object of the plugin; and `reopened`, a function that returns another such object, as another process would have.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import ClassVar

import pytest

from queuebit_kernel import event_id
from queuebit_quantum import (
    Backend,
    DoesNotFit,
    Failed,
    Outcome,
    ideal_distribution,
    parse,
    total_variation,
)
from queuebit_quantum.exclusion import Excluding
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed
from queuebit_quantum.vendor_queue import Queueing, VendorQueue
from queuebit_testing.backend_laws import collected
from queuebit_testing.stub_vendor import Failure, Garbage, LostReply, Status, StubVendor
from queuebit_testing.vendor_failure_laws import (
    HEAD,
    MANY,
    ONE,
    Reopened,
    VendorFailureLaws,
    counts_of,
    insist,
    item_of,
    returns_within,
)

__all__ = ["VendorLaws"]

_NONE = HEAD + "qreg q[2]; creg c[2]; x q[0]; x q[0]; measure q -> c;"
_MIXED = HEAD + (
    "qreg q[3]; creg c[3]; ry(0.7) q[0]; rx(1.1) q[1]; cx q[0], q[1]; rz(0.4) q[1]; h q[2]; cx q[1], q[2]; "
    "u3(0.3, 0.2, 0.1) q[2]; cz q[0], q[2]; ry(0.5) q[2]; measure q -> c;"
)
_BIT_ORDERS: Mapping[str, tuple[str, str]] = {
    "the last bit comes first": (HEAD + "qreg q[3]; creg c[3]; x q[0]; measure q -> c;", "001"),
    "bits and not qubits count": (
        HEAD + "qreg q[3]; creg c[3]; x q[0]; measure q[0] -> c[2]; measure q[1] -> c[0]; measure q[2] -> c[1];",
        "100",
    ),
    "the last register comes first": (
        HEAD + "qreg q[3]; creg a[1]; creg b[2]; x q[1]; measure q[0] -> a[0]; measure q[1] -> b[0]; "
        "measure q[2] -> b[1];",
        "01 0",
    ),
    "a bit without a measurement is 0": (
        HEAD + "qreg q[2]; creg c[3]; x q[0]; x q[1]; measure q[0] -> c[0]; measure q[1] -> c[2];",
        "101",
    ),
}
_TAKEN: Mapping[str, Failure] = {
    "a lost reply": LostReply(),
    "500": Status(500, taken=True),
    "502": Status(502, taken=True),
    "another's page": Garbage(taken=True),
}
_MOST_STEPS = 20


class VendorLaws(VendorFailureLaws):
    """Tests of one plugin for a vendor's devices or simulators."""

    queue: ClassVar[VendorQueue | None] = None
    """What the backend reads where its vendor states a queue of 5,000; None: its vendor states none."""

    def test_the_queue_is_what_the_vendor_states(self, backend: Backend, vendor: StubVendor) -> None:
        vendor.queue = 5_000
        assert (backend.queue() if isinstance(backend, Queueing) else None) == self.queue

    excludes: ClassVar[bool] = False
    """Whether circuits can be compiled without some elements of the device."""

    def test_circuits_are_compiled_without_elements_that_are_not_used(self, backend: Backend) -> None:
        whole, bell = backend.describe(), parse(HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;")
        assert isinstance(backend, Excluding) or not self.excludes
        if not isinstance(backend, Excluding):
            return
        used = tuple(sorted(backend.compile(bell, 1).physical_qubits))
        backend.exclude(frozenset({used}))
        if not self.excludes:
            assert backend.describe() == whole, "its vendor chooses the qubits"
            return
        for _ in range(2):
            assert tuple(sorted(backend.compile(bell, 1).physical_qubits)) != used
            assert backend.describe().target_digest != whole.target_digest
            backend.calibrate()
        backend.exclude(frozenset())
        assert backend.describe() == whole
        assert tuple(sorted(backend.compile(bell, 1).physical_qubits)) == used

    # What a run returns

    @pytest.mark.parametrize("case", _BIT_ORDERS)
    def test_bit_strings_are_qiskits(self, backend: Backend, case: str) -> None:
        source, expected = _BIT_ORDERS[case]
        assert counts_of(backend, backend.submit([item_of(backend, source)], event_id())) == [{expected: 100}]

    def test_a_circuit_keeps_its_distribution(self, backend: Backend) -> None:
        """Angles, directions of gates and the order of qubits all show in it; 0.06 is four times what chance does."""
        (counts,) = counts_of(backend, backend.submit([item_of(backend, _MIXED, 4_000)], event_id()))
        assert isinstance(counts, dict)
        assert total_variation(counts, ideal_distribution(parse(_MIXED))) < 0.06

    def test_each_item_has_its_own_result_in_order(self, backend: Backend, vendor: StubVendor) -> None:
        items = [item_of(backend, ONE, 30), item_of(backend, _NONE, 50), item_of(backend, ONE, 20)]
        handle = backend.submit(items, event_id())
        assert counts_of(backend, handle) == [{"01": 30}, {"00": 50}, {"01": 20}]

    def test_an_item_that_fails_leaves_the_results_of_the_others(self, backend: Backend, vendor: StubVendor) -> None:
        vendor.broken = frozenset({1})
        handle = backend.submit([item_of(backend), item_of(backend, _NONE), item_of(backend)], event_id())
        first, second, third = collected(backend, handle)
        assert isinstance(second, Failed)
        assert second.code == "vendor_failed"
        assert second.text
        expected = Outcome if vendor.partial else Failed
        assert [type(first), type(third)] == [expected, expected]

    def test_a_handle_is_short(self, backend: Backend) -> None:
        assert 0 < len(backend.submit([item_of(backend)], event_id())) <= 200

    def test_a_description_asks_the_vendor_nothing(self, backend: Backend, vendor: StubVendor) -> None:
        before = len(vendor.requests)
        vendor.fail("*", Status(503), MANY)
        described = backend.describe()
        assert described.remote
        assert len(vendor.requests) == before

    def test_the_same_seed_compiles_the_same_program(self, backend: Backend, reopened: Reopened) -> None:
        assert backend.compile(parse(_MIXED), 5) == reopened().compile(parse(_MIXED), 5)

    # Exactly once

    def test_another_process_finds_a_run_and_takes_its_result(self, backend: Backend, reopened: Reopened) -> None:
        token = event_id()
        handle = backend.submit([item_of(backend)], token)
        other = reopened()
        assert other.find(token) == handle
        assert counts_of(other, handle) == [{"01": 100}]
        assert other.collect(handle) == backend.collect(handle)
        assert other.usage(handle) == backend.usage(handle)

    def test_a_second_start_is_the_first(self, backend: Backend, reopened: Reopened, vendor: StubVendor) -> None:
        token = event_id()
        handle = backend.submit([item_of(backend)], token)
        held = len(vendor.jobs)
        assert reopened().submit([item_of(backend)], token) == handle
        assert len(vendor.jobs) == held

    def test_another_token_is_another_run(self, backend: Backend, vendor: StubVendor) -> None:
        one, other = (backend.submit([item_of(backend)], event_id()) for _ in range(2))
        assert one != other

    @pytest.mark.parametrize("case", _TAKEN)
    @pytest.mark.parametrize("items", [1, 3])
    def test_a_run_whose_submission_was_not_confirmed_is_not_started_again(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor, case: str, items: int
    ) -> None:
        work = [item_of(backend)] * items
        backend.submit(work, event_id())
        held = len(vendor.jobs)
        vendor.fail(vendor.submits, _TAKEN[case])
        token = event_id()
        handle = insist(lambda: backend.submit(work, token))
        assert len(vendor.jobs) == 2 * held
        assert reopened().find(token) == handle
        assert counts_of(backend, handle) == [{"01": 100}] * items

    @pytest.mark.parametrize("items", [1, 3])
    def test_a_process_that_ends_at_any_step_leaves_one_run(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor, items: int
    ) -> None:
        """After each request of a submission in turn, the process is gone; its successor goes on."""
        work = [item_of(backend)] * items
        backend.submit(work, event_id())
        each = len(vendor.jobs)
        for step in range(1, _MOST_STEPS):
            token, killed = event_id(), reopened()
            ended = returns_within(vendor, step, partial(killed.submit, work, token))
            successor = reopened()
            handle = successor.find(token) or insist(partial(successor.submit, work, token))
            assert counts_of(successor, handle) == [{"01": 100}] * items
            assert len(vendor.jobs) == (step + 1) * each
            if ended:
                return
        pytest.fail(f"a submission takes more than {_MOST_STEPS} requests")

    def test_what_a_process_left_that_ended_at_any_step_can_be_cancelled(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor
    ) -> None:
        """A plugin whose submissions take several requests has `find_incomplete` for it."""
        vendor.polls_needed = MANY
        work = [item_of(backend, ONE, 30), item_of(backend, ONE, 20)]
        for step in range(1, _MOST_STEPS):
            token, killed, held = event_id(), reopened(), len(vendor.jobs)
            ended = returns_within(vendor, step, partial(killed.submit, work, token))
            successor = reopened()
            handle = getattr(successor, "find_incomplete", successor.find)(token)
            if len(vendor.jobs) > held:
                assert handle is not None
                successor.cancel(handle)
                assert "ended" in [successor.poll(handle) for _ in range(_MOST_STEPS)]
                found = set(map(str, counts_of(successor, handle)))
                assert "cancelled" in found
                assert found <= {"cancelled", "vendor_failed"}
            if ended:
                return
        pytest.fail(f"a submission takes more than {_MOST_STEPS} requests")

    # Time

    def test_a_poll_does_not_wait_for_the_run(self, backend: Backend, vendor: StubVendor) -> None:
        vendor.polls_needed = 3
        handle = backend.submit([item_of(backend)], event_id())
        states = [backend.poll(handle) for _ in range(3)]
        assert set(states) <= {"queued", "running"}
        assert counts_of(backend, handle) == [{"01": 100}]

    def test_a_run_that_is_cancelled_ends_without_an_outcome(
        self, backend: Backend, reopened: Reopened, vendor: StubVendor
    ) -> None:
        vendor.polls_needed = MANY
        handle = backend.submit([item_of(backend), item_of(backend)], event_id())
        assert backend.poll(handle) != "ended"
        for by in (reopened(), backend):
            by.cancel(handle)
        assert "ended" in [backend.poll(handle) for _ in range(_MOST_STEPS)]
        assert counts_of(backend, handle) == ["cancelled", "cancelled"]
        assert all(Decimal(it.quantity) >= 0 for it in backend.usage(handle))

    # Usage

    def test_usage_is_an_exact_decimal(self, backend: Backend) -> None:
        handle = backend.submit([item_of(backend)], event_id())
        collected(backend, handle)
        measures = backend.usage(handle)
        assert measures
        assert len({it.metric for it in measures}) == len(measures)
        assert all(Decimal(it.quantity) >= 0 and "E" not in it.quantity and it.unit for it in measures)
        assert all(it.final for it in measures)
        time = next((it for it in measures if it.metric == "qpu-time"), None)
        assert time is None or (time.unit == "microsecond" and int(time.quantity) > 0)

    def test_usage_is_not_final_before_the_end(self, backend: Backend, vendor: StubVendor) -> None:
        """A bill of what is final would be too low."""
        vendor.polls_needed = MANY
        handle = backend.submit([item_of(backend)], event_id())
        measures = backend.usage(handle)
        assert measures
        assert not all(it.final for it in measures)

    # Secrets

    def test_a_secret_is_nowhere_to_be_read(
        self, backend: Backend, vendor: StubVendor, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Also where the vendor repeats it in an error."""
        assert len(vendor.secret) >= 16
        caplog.set_level(logging.DEBUG)
        token = event_id()
        handle = backend.submit([item_of(backend)], token)
        collected(backend, handle)
        shown = [repr(backend), str(backend), repr(backend.describe()), handle, repr(backend.compile(parse(ONE), 1))]
        for how in (vendor.unauthorised, vendor.refused):
            vendor.fail("*", how(f"not accepted: {vendor.secret}"), MANY)
            with pytest.raises((VendorCredentials, DoesNotFit, VendorFailed)) as failure:
                backend.submit([item_of(backend)], event_id())
            shown.append(str(failure.value))
            vendor.heal()
        shown += [f"{it.getMessage()} {it.exc_text or ''}" for it in caplog.records]
        assert [it for it in shown if vendor.secret in it] == []
