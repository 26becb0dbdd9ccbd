"""`python -m queuebit_scheduler`."""

import sys

from queuebit_runtime.service import run
from queuebit_scheduler.app import create_app

sys.exit(run(create_app))
