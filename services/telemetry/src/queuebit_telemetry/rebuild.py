"""`python -m queuebit_telemetry.rebuild`: deletes every event, so that the running sink reads the log from its start.

Reads the same settings as the service. It may run at any time: the new table refuses inserts under way,
and within two seconds the sink starts again. Spans stay, because the log does not have them.
"""

from __future__ import annotations

import asyncio
import sys

from pydantic import ValidationError

from queuebit_kernel import Fault
from queuebit_runtime.secrets import read_secret
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.settings import Settings

__all__ = ["rebuild"]


async def rebuild(warehouse: ClickHouse) -> None:
    """Create new tables.

    Raises:
        Unavailable: the warehouse did not answer; repeating is safe.
    """
    await warehouse.drop_events()
    await warehouse.create()


async def _main(settings: Settings) -> None:
    password = read_secret(settings.warehouse_password_file)
    warehouse = ClickHouse(settings.warehouse_url, settings.warehouse_user, password, settings.warehouse_cluster)
    try:
        await rebuild(warehouse)
    finally:
        await warehouse.close()


if __name__ == "__main__":
    try:
        asyncio.run(_main(Settings()))
    except (Fault, ValidationError, OSError, ValueError) as error:
        sys.exit(f"the warehouse was not rebuilt: {error}")
    print("the tables are new; telemetry fills them from the log")
