"""`python -m queuebit_telemetry`."""

import sys

from queuebit_runtime.service import run
from queuebit_telemetry.app import create_app

sys.exit(run(create_app))
