"""The plugin for IBM Quantum keeps the laws of vendors, with the unmodified SDK against a stub on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.vendors.ibm.stub import DEVICE, IbmStub, point_at

from queuebit_quantum import Backend
from queuebit_testing.vendor_laws import VendorLaws
from queuebit_vendor_ibm.device import IbmDevice


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[IbmStub]:
    """The stub, where the SDK looks for IBM."""
    with IbmStub() as stub:
        point_at(stub, monkeypatch)
        yield stub


@pytest.fixture
def reopened(vendor: IbmStub) -> Callable[[], Backend]:
    return lambda: IbmDevice("ibm-test", DEVICE, listed_s=0)


@pytest.fixture
def backend(reopened: Callable[[], Backend]) -> Backend:
    return reopened()


class TestIbmQuantum(VendorLaws):
    """IBM Quantum."""
