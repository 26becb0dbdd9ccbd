"""The circuits of handler tests obey the laws of the real ones, which `test_executor_workers` holds to them too."""

from __future__ import annotations

import pytest

from queuebit_executor.ports import Circuits

from .circuits_laws import CircuitsLaws
from .conftest import FakeCircuits


class TestFakeCircuits(CircuitsLaws):
    @pytest.fixture
    def circuits(self) -> Circuits:
        return FakeCircuits()
