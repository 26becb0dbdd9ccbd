"""`python -m queuebit_alerting`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_alerting.app"))
