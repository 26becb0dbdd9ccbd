"""The stub of IBM Quantum, and the plugin that is pointed at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.vendors.ibm.stub import DEVICE, IbmStub, point_at

from queuebit_vendor_ibm.device import IbmDevice


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[IbmStub]:
    """The stub, where the SDK looks for IBM."""
    with IbmStub() as stub:
        point_at(stub, monkeypatch)
        yield stub


@pytest.fixture
def reopened(vendor: IbmStub) -> Callable[[], IbmDevice]:
    """The plugin, as another process would open it."""
    return lambda: IbmDevice("ibm-test", DEVICE, listed_s=0)


@pytest.fixture
def backend(reopened: Callable[[], IbmDevice]) -> IbmDevice:
    return reopened()
