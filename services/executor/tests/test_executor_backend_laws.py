"""Every backend in this repository obeys the laws of the port."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from queuebit_kernel import event_id
from queuebit_quantum import Backend, Failed, NotReachable, WorkItem, open_backend, parse
from queuebit_testing.backend_laws import BackendLaws
from queuebit_testing.vendor import FakeVendor, VendorFile

EXAMPLE = Path(__file__).parents[3] / "examples" / "plugin" / "queuebit_statevector.py"


class TestBuiltIn(BackendLaws):
    @pytest.fixture(params=["aer", "cirq", "emulated-ibm-manila"])
    def backend(self, request: pytest.FixtureRequest) -> Backend:
        return open_backend(request.param)


class TestExample(BackendLaws):
    @pytest.fixture
    def backend(self) -> Backend:
        spec = importlib.util.spec_from_file_location("queuebit_statevector", EXAMPLE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        backend: Backend = module.stack.backends[module.ID]()
        return backend


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
