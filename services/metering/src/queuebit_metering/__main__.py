"""`python -m queuebit_metering`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_metering.app"))
