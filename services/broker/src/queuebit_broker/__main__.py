"""`python -m queuebit_broker`"""

import sys

from queuebit_runtime.launch import launch

sys.exit(launch("queuebit_broker.app"))
