"""`python -m queuebit_telemetry`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_telemetry.app"))
