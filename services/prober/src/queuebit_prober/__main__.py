"""`python -m queuebit_prober`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_prober.app"))
