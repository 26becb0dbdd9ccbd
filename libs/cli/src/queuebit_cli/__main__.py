"""`python -m queuebit_cli`, the same as `qb`."""

import sys

from queuebit_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
