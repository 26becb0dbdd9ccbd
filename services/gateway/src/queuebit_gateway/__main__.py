"""`python -m queuebit_gateway`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_gateway.app"))
