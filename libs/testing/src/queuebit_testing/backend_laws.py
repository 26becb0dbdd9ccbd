"""The laws of the port `Backend`. To test a backend, inherit `BackendLaws` and define the fixture `backend`."""

from __future__ import annotations

from typing import ClassVar

import pytest

from queuebit_kernel import event_id
from queuebit_quantum import Backend, DoesNotFit, Failed, Outcome, UnknownHandle, WorkItem, WorkResult, parse

__all__ = ["BackendLaws", "collected"]

_BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'


def collected(backend: Backend, handle: str) -> tuple[WorkResult, ...]:
    """Poll a submission until it has ended, and return its results."""
    for _ in range(10_000):
        if backend.poll(handle) == "ended":
            return backend.collect(handle)
    raise TimeoutError(f"{handle} does not end")


class BackendLaws:
    """Tests of one implementation of `queuebit_quantum.Backend`."""

    source: ClassVar[str] = _BELL
    """A program of two qubits that the backend runs; a backend for another language than circuits replaces it."""

    def wide(self, qubits: int) -> str:
        """A program of so many qubits, in the language of `source`."""
        return f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{qubits}]; creg c[1]; x q; measure q[0] -> c[0];'

    def _item(self, backend: Backend, shots: int = 100, seed: int = 1) -> WorkItem:
        return WorkItem(backend.compile(parse(self.source), 1), shots, seed)

    def test_the_description_is_consistent(self, backend: Backend) -> None:
        it = backend.describe()
        assert (it.num_qubits > 1, it.max_shots > 100, it.id == it.id.lower()) == (True, True, True)
        compiled = backend.compile(parse(self.source), 1)
        assert compiled.target_digest == it.target_digest
        assert it.kind != "simulator" or compiled.methods, "a simulator gives its time and memory"

    def test_a_calibration_can_be_read_again(self, backend: Backend) -> None:
        first, again = backend.calibrate(), backend.calibrate()
        assert (first and first.digest) == (again and again.digest) == backend.describe().calibration_digest

    def test_work_ends_with_an_outcome_that_can_be_collected_again(self, backend: Backend) -> None:
        handle = backend.submit([self._item(backend)], event_id())
        (outcome,) = collected(backend, handle)
        assert isinstance(outcome, Outcome)
        assert sum(outcome.counts.values()) == 100
        assert backend.collect(handle) == (outcome,)

    def test_the_items_of_a_submission_have_their_results_in_order(self, backend: Backend) -> None:
        shots = [100, 60, 80][: backend.describe().max_items]
        items = [self._item(backend, it) for it in shots]
        outcomes = collected(backend, backend.submit(items, event_id()))
        assert [sum(it.counts.values()) for it in outcomes if isinstance(it, Outcome)] == shots

    def test_the_same_token_gives_the_same_run(self, backend: Backend) -> None:
        token = event_id()
        first, again = (backend.submit([self._item(backend)], token) for _ in range(2))
        assert first == again == backend.find(token)

    def test_an_unknown_token_has_no_run(self, backend: Backend) -> None:
        assert backend.find(event_id()) is None

    @pytest.mark.parametrize("ask", ["poll", "collect", "usage"])
    def test_an_unknown_handle_is_refused(self, backend: Backend, ask: str) -> None:
        with pytest.raises(UnknownHandle):
            getattr(backend, ask)("no such run")

    def test_cancelling_an_ended_or_unknown_submission_changes_nothing(self, backend: Backend) -> None:
        handle = backend.submit([self._item(backend)], event_id())
        before = collected(backend, handle)
        for name in (handle, "no such run"):
            backend.cancel(name)
        assert backend.collect(handle) == before

    def test_usage_is_an_exact_decimal(self, backend: Backend) -> None:
        handle = backend.submit([self._item(backend)], event_id())
        collected(backend, handle)
        measures = {it.metric: it for it in backend.usage(handle)}
        assert measures["qpu-time"].unit == "microsecond"
        assert int(measures["qpu-time"].quantity) > 0
        assert all(it.final for it in measures.values())

    def test_a_circuit_that_does_not_fit_is_refused_before_it_runs(self, backend: Backend) -> None:
        wide = backend.describe().num_qubits + 1
        with pytest.raises(DoesNotFit, match="qubits"):
            backend.compile(parse(self.wide(wide)), 1)

    def test_too_many_shots_are_refused_or_fail_that_item_only(self, backend: Backend) -> None:
        """A vendor may refuse the whole submission; a simulator runs the other items."""
        items = [self._item(backend, shots=backend.describe().max_shots + 1), self._item(backend)]
        try:
            results = collected(backend, backend.submit(items, event_id()))
        except DoesNotFit:
            return
        assert isinstance(results[0], Failed)
        assert results[0].code == "does_not_fit"
        assert isinstance(results[1], Outcome)
