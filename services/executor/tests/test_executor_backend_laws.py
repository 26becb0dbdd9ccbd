"""Every backend in this repository obeys the laws of the port."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from queuebit_kernel import event_id
from queuebit_quantum import Backend, DoesNotFit, Failed, NotReachable, Outcome, WorkItem, open_backend, parse
from queuebit_testing.backend_laws import BackendLaws
from queuebit_testing.vendor import FakeVendor, VendorFile

EXAMPLES = Path(__file__).parents[3] / "examples"


def example(folder: str, name: str) -> ModuleType:
    """The module of a plugin that is not installed."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class TestBuiltIn(BackendLaws):
    @pytest.fixture(params=["aer", "cirq", "emulated-ibm-manila"])
    def backend(self, request: pytest.FixtureRequest) -> Backend:
        return open_backend(request.param)


class TestExample(BackendLaws):
    @pytest.fixture
    def backend(self) -> Backend:
        module = example("plugin", "queuebit_statevector")
        backend: Backend = module.stack.backends[module.ID]()
        return backend


class TestAnswers(BackendLaws):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Registered answers, with one for the program of these laws."""
        answers = tmp_path / "answers.json"
        answers.write_text(json.dumps({parse(self.source).digest: {"00": 0.25, "11": 0.75}}))
        backend: Backend = example("answers", "queuebit_answers").Answers(answers)
        return backend

    def test_the_same_seed_gives_the_same_sample_of_the_registered_shares(self, backend: Backend) -> None:
        compiled = backend.compile(parse(self.source), 1)
        first, again = (backend.collect(backend.submit([WorkItem(compiled, 10_000, 7)], event_id())) for _ in range(2))
        assert first == again
        (outcome,) = first
        assert isinstance(outcome, Outcome)
        assert abs(outcome.counts["11"] - 7_500) < 220, "five standard deviations"

    def test_the_answers_of_the_example_are_for_its_circuit_and_for_no_other(self) -> None:
        module = example("answers", "queuebit_answers")
        backend = module.stack.backends[module.ID]()
        assert backend.describe().kind == "classical"
        assert backend.compile(parse((EXAMPLES / "circuits" / "bell.qasm").read_text()), 1).registers == (2,)
        with pytest.raises(DoesNotFit, match="no answer is registered for circuit sha256:"):
            backend.compile(parse(self.source + "\n// another text"), 1)


class TestVendor(BackendLaws):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> FakeVendor:
        return FakeVendor(VendorFile(tmp_path / "vendor.sqlite"))

    def test_a_run_outlasts_the_process_that_submitted_it(self, backend: FakeVendor) -> None:
        token = event_id()
        item = WorkItem(backend.compile(parse("OPENQASM 3.0; qubit q; bit c; c = measure q;"), 1), 10, 1)
        handle = backend.submit([item], token)
        other = FakeVendor(VendorFile(backend.file.path))
        assert other.find(token) == handle
        assert other.poll(handle) == "ended"
        assert other.collect(handle) == backend.collect(handle)

    def test_a_run_that_is_cancelled_ends_without_an_outcome(self, backend: FakeVendor) -> None:
        backend.file.pause("run")
        item = WorkItem(backend.compile(parse("OPENQASM 3.0; qubit q; bit c; c = measure q;"), 1), 10, 1)
        handle = backend.submit([item], event_id())
        assert backend.poll(handle) == "running"
        backend.cancel(handle)
        assert backend.poll(handle) == "ended"
        (failed,) = backend.collect(handle)
        assert isinstance(failed, Failed)
        assert failed.code == "cancelled"

    def test_a_vendor_that_is_away_says_so(self, backend: FakeVendor) -> None:
        backend.file.pause("away")
        with pytest.raises(NotReachable):
            backend.find("x")
