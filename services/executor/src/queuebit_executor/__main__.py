"""`python -m queuebit_executor`: one executor, until SIGTERM."""

import sys

from queuebit_runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("queuebit_executor.app"))
