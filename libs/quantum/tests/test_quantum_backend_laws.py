"""The laws of the port `Backend`, for every stack of this package."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from queuebit_quantum import Backend, DoesNotFit, Failed, Outcome, WorkItem, open_backend, parse
from queuebit_quantum.errors import UnknownHandle

BELL = parse('OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;')


class BackendLaws:
    """Needs a fixture `backend`; its work has ended when `submit` returns."""

    def run(self, backend: Backend, token: str, shots: Sequence[int] = (20,)) -> str:
        compiled = backend.compile(BELL, 7)
        return backend.submit([WorkItem(compiled, it, seed=5) for it in shots], token)

    def test_the_description_is_the_same_each_time(self, backend: Backend) -> None:
        first = backend.describe()
        assert first == backend.describe()
        assert first.num_qubits >= 2
        assert (backend.calibrate() is None) == (first.kind == "simulator")
        assert first.target_digest.startswith("sha256:")

    def test_the_same_circuit_and_seed_compile_to_the_same_program(self, backend: Backend) -> None:
        assert backend.compile(BELL, 7) == backend.compile(BELL, 7)

    def test_each_item_has_its_result_in_order(self, backend: Backend) -> None:
        handle = self.run(backend, "law-items", (10, 30))
        assert backend.poll(handle) == "ended"
        results = backend.collect(handle)
        assert [sum(it.counts.values()) for it in results if isinstance(it, Outcome)] == [10, 30]
        assert backend.collect(handle) == results
        assert all(len(bits) == 2 for it in results if isinstance(it, Outcome) for bits in it.counts)

    def test_a_token_names_one_submission(self, backend: Backend) -> None:
        assert backend.find("law-token") is None
        handle = self.run(backend, "law-token")
        assert self.run(backend, "law-token") == handle
        assert backend.find("law-token") == handle

    def test_an_item_that_does_not_fit_fails(self, backend: Backend) -> None:
        too_many = backend.describe().max_shots + 1
        try:
            result, other = backend.collect(self.run(backend, "law-unfit", (too_many, 10)))
        except DoesNotFit:
            assert backend.find("law-unfit") is None
            return
        assert isinstance(result, Failed)
        assert result.code == "does_not_fit"
        assert isinstance(other, Outcome), "the other items complete"

    def test_an_unknown_handle_raises(self, backend: Backend) -> None:
        for ask in (backend.poll, backend.collect, backend.usage):
            with pytest.raises(UnknownHandle):
                ask("law-unknown")
        backend.cancel("law-unknown")

    def test_cancelling_an_ended_submission_changes_nothing(self, backend: Backend) -> None:
        handle = self.run(backend, "law-cancel")
        before = backend.collect(handle)
        backend.cancel(handle)
        assert [type(it) for it in before] == [Outcome]
        assert backend.collect(handle) == before

    def test_usage_is_an_exact_decimal(self, backend: Backend) -> None:
        used = backend.usage(self.run(backend, "law-usage"))
        assert used
        for measure in used:
            assert measure.metric
            assert measure.unit
            assert Decimal(measure.quantity) >= 0


class TestAer(BackendLaws):
    @pytest.fixture
    def backend(self) -> Backend:
        return open_backend("aer")


class TestCirq(BackendLaws):
    @pytest.fixture
    def backend(self) -> Backend:
        return open_backend("cirq")


class TestEmulatedDevice(BackendLaws):
    @pytest.fixture
    def backend(self) -> Backend:
        return open_backend("emulated-ibm-manila")
