"""`python -m queuebit_broker`"""

from __future__ import annotations

import sys

from queuebit_broker.app import create_app
from queuebit_runtime.service import run

sys.exit(run(create_app))
