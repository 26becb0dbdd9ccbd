"""`python -m queuebit_provenance`."""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_provenance.app"))
