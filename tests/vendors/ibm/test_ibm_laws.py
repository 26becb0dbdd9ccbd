"""The plugin for IBM Quantum keeps the laws of vendors, with the unmodified SDK against a stub on loopback."""

from __future__ import annotations

from queuebit_quantum.vendor_queue import VendorQueue
from queuebit_testing.vendor_laws import VendorLaws


class TestIbmQuantum(VendorLaws):
    """IBM Quantum."""

    excludes = True
    queue = VendorQueue(jobs=5_000)
