"""`python -m queuebit_executor`: one executor, until SIGTERM."""

from __future__ import annotations

import sys

from queuebit_executor.app import create_app
from queuebit_runtime.service import run

if __name__ == "__main__":
    sys.exit(run(create_app))
