"""`python -m queuebit_provenance`."""

import sys

from queuebit_provenance.app import create_app
from queuebit_runtime.service import run

sys.exit(run(create_app))
