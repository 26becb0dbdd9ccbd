"""Amazon Braket behind the port of Queuebit's backends. Importing the package loads no SDK."""

from queuebit_vendor_braket.stacks import braket, local

__all__ = ["braket", "local"]
