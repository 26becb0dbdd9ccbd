"""`python -m queuebit_hybrid`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_hybrid.app"))
