"""`python -m queuebit_scheduler`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_scheduler.app"))
