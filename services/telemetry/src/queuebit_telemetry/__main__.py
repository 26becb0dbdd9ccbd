"""`python -m queuebit_telemetry`."""

import sys

from clickhouse_connect.driver import options

from queuebit_runtime.launch import launch

for library in ("np", "pd", "pd_time_test", "arrow", "pl"):
    # The driver converts arrays and data frames, of which there are none; it would import what is installed: 65 MB.
    setattr(options, library, None)

sys.exit(launch("queuebit_telemetry.app"))
