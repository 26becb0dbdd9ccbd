"""The laws of a vendor's plugin, for a device with program sets and for a simulator without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.vendors.braket.stub import BraketStub

from queuebit_quantum import Backend
from queuebit_quantum.vendor_queue import VendorQueue
from queuebit_testing.vendor_laws import VendorLaws
from queuebit_vendor_braket.device import BraketDevice

Start = Callable[[str], BraketStub]


class _BraketLaws(VendorLaws):
    @pytest.fixture
    def backend(self, reopened: Callable[[], Backend]) -> Backend:
        return reopened()


class TestGarnet(_BraketLaws):
    """Native gates in a verbatim box; circuits with equal shots are one quantum task."""

    excludes = True
    queue = VendorQueue(jobs=4_003)

    @pytest.fixture
    def vendor(self, started: Start) -> BraketStub:
        return started("iqm_garnet")

    @pytest.fixture
    def reopened(self, vendor: BraketStub) -> Callable[[], Backend]:
        return lambda: BraketDevice("braket-iqm-garnet", vendor.device["deviceArn"])


class TestSv1(_BraketLaws):
    """Gates of Braket; each circuit is a quantum task of its own."""

    @pytest.fixture
    def vendor(self, started: Start) -> BraketStub:
        return started("sv1")

    @pytest.fixture
    def reopened(self, vendor: BraketStub) -> Callable[[], Backend]:
        return lambda: BraketDevice("braket-sv1", vendor.device["deviceArn"])
