"""`python -m queuebit_metering`."""

import sys

from queuebit_metering.app import create_app
from queuebit_runtime.service import run

sys.exit(run(create_app))
