"""What the SDK needs to reach IBM Quantum, from the variables that the SDK itself documents."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from queuebit_quantum.credentials import secret
from queuebit_quantum.vendor_faults import VendorCredentials

__all__ = ["Access"]

_CHANNELS = ("ibm_quantum_platform", "ibm_cloud")


@dataclass(frozen=True, slots=True)
class Access:
    """An API key, and the instance that pays."""

    token: str = field(repr=False)
    """An IBM Cloud API key."""
    instance: str
    """The CRN of an instance, as IBM's console shows it."""
    channel: str = "ibm_quantum_platform"
    """`ibm_quantum_platform` or `ibm_cloud`."""
    url: str | None = None
    """The address from which the SDK derives those of all services; None for https://cloud.ibm.com."""

    @classmethod
    def from_environment(cls) -> Access:
        """Read `QISKIT_IBM_TOKEN` (a secret), `QISKIT_IBM_INSTANCE`, `QISKIT_IBM_CHANNEL` and `QISKIT_IBM_URL`.

        Raises:
            VendorCredentials: a variable is missing or wrong; the text says which.
            NotReachable: the token is in Vault, and Vault does not answer.
        """
        instance = os.environ.get("QISKIT_IBM_INSTANCE", "")
        channel = os.environ.get("QISKIT_IBM_CHANNEL", _CHANNELS[0])
        if not instance.startswith("crn:"):
            raise VendorCredentials(
                f"QISKIT_IBM_INSTANCE is {instance[:80]!r}, and must be the CRN of an instance of IBM Quantum: copy it "
                "from quantum.cloud.ibm.com/instances into `environment` of the stack in backends.toml"
            )
        if channel not in _CHANNELS:
            raise VendorCredentials(f"QISKIT_IBM_CHANNEL is {channel[:80]!r}, and must be {' or '.join(_CHANNELS)}")
        return cls(secret("QISKIT_IBM_TOKEN"), instance, channel, os.environ.get("QISKIT_IBM_URL") or None)
