"""`python -m queuebit_fleet`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_fleet.app"))
