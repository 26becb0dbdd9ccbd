"""What a deployment of some size needs: a model of few figures, each measured on one machine.

    python -m tests.bench.capacity        # the table of docs/capacity.md

A job is a small circuit, such as a Bell pair with 1,000 shots; the time of larger circuits is added to `circuit_ms`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["MEASURED", "SIZES", "Costs", "Measured", "Need", "Size", "need", "table"]

_DAY_S = 86_400
_MONTH_DAYS = 30
_HOUR_S = 3_600
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Measured:
    """What a job takes, from docs/benchmarks.md, docs/performance.md and docs/drills.md."""

    services_ms: float = 4.5
    """Processor time of the services, without nats-server and the client."""
    server_ms: float = 2.0
    """Processor time of nats-server for one replica."""
    stream_jobs_per_s: float = 190.0
    """What one stream stores on a disk that confirms writes; 258 on a quicker one."""
    scheduler_jobs_per_s: float = 1_000.0
    """What one scheduler places, with a store that is quick enough."""
    events: int = 9
    rows_per_s: float = 25_000.0
    """Events that one core inserts into the warehouse, with all merges: 36 to 44 µs each."""
    log_kb: float = 20.0
    warehouse_kb: float = 19.0
    """Before old parts are merged."""
    archive_kb: float = 7.4
    """The log in Parquet: 0.37 of its bytes."""
    server_memory_kb: float = 2.2
    """Memory of nats-server for each job in its log."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Prices that are assumed, in USD; set your own."""

    core_hour: float = 0.04
    disk_gb_month: float = 0.08
    object_gb_month: float = 0.023


@dataclass(frozen=True, slots=True)
class Size:
    """A deployment."""

    name: str
    jobs_per_s: int
    log_days: float = 1
    """Days in the log; what is older is in the archive."""
    warehouse_days: float = 90
    replicas: int = 3
    circuit_ms: float = 1.0
    """Processor time of a circuit itself."""
    load: float = 0.6
    """The part of the processors that is used."""


@dataclass(frozen=True, slots=True)
class Need:
    """What it needs."""

    cores: float
    partitions: int
    schedulers: int
    log_gb: float
    """On all replicas together."""
    warehouse_gb: float
    archive_gb_month: float
    """What a month adds."""
    server_memory_gb: float
    """Of one replica of all partitions together."""
    usd_per_million: float
    """Processors, and disks for as long as each job is kept; a year in the archive."""


def need(size: Size, of: Measured, costs: Costs) -> Need:
    """Return what a deployment needs.

    Args:
        size: the deployment.
        of: what a job takes.
        costs: prices.
    """
    job_ms = of.services_ms + size.circuit_ms + of.server_ms * size.replicas
    per_day = size.jobs_per_s * _DAY_S
    kept = per_day * size.log_days
    log_gb = kept * of.log_kb * size.replicas * 1e3 / _GB
    warehouse_gb = per_day * size.warehouse_days * of.warehouse_kb * 1e3 / _GB
    processor = job_ms / 1e3 / size.load / _HOUR_S * costs.core_hour
    disks = (of.log_kb * size.replicas * size.log_days + of.warehouse_kb * size.warehouse_days) * 1e3 / _GB
    archive = of.archive_kb * 1e3 / _GB * 12 * costs.object_gb_month
    return Need(
        cores=size.jobs_per_s * job_ms / 1e3 / size.load,
        partitions=math.ceil(size.jobs_per_s / of.stream_jobs_per_s),
        schedulers=math.ceil(size.jobs_per_s / of.scheduler_jobs_per_s),
        log_gb=log_gb,
        warehouse_gb=warehouse_gb,
        archive_gb_month=per_day * _MONTH_DAYS * of.archive_kb * 1e3 / _GB,
        server_memory_gb=kept * of.server_memory_kb * 1e3 / _GB,
        usd_per_million=1e6 * (processor + disks / _MONTH_DAYS * costs.disk_gb_month + archive),
    )


MEASURED = Measured()
SIZES = (
    Size("a laboratory, one machine", 1, log_days=30, replicas=1),
    Size("a university, one machine", 20, log_days=7, replicas=1),
    Size("a provider, one stream", 150),
    Size("a provider, four partitions", 600),
    Size("a cloud", 10_000),
    Size("the internet", 1_000_000, log_days=0.1, warehouse_days=7),
)


def table(sizes: tuple[Size, ...] = SIZES, of: Measured = MEASURED, costs: Costs | None = None) -> str:
    """The needs as a table in Markdown."""
    lines = [
        "| deployment | jobs/s | days in the log | cores | partitions | schedulers | log | memory of nats-server "
        "| warehouse | archive, a month | USD per million jobs |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for it in sizes:
        found = need(it, of, costs or Costs())
        cells = (
            it.name,
            f"{it.jobs_per_s:,}",
            f"{it.log_days:g}",
            f"{found.cores:,.2g}" if found.cores < 10 else f"{found.cores:,.0f}",
            f"{found.partitions:,}",
            f"{found.schedulers:,}",
            *map(_bytes, (found.log_gb, found.server_memory_gb, found.warehouse_gb, found.archive_gb_month)),
            f"{found.usd_per_million:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _bytes(gigabytes: float) -> str:
    for unit in ("GB", "TB"):
        if gigabytes < 1_000:
            return f"{gigabytes:.2g} {unit}" if gigabytes < 10 else f"{gigabytes:.0f} {unit}"
        gigabytes /= 1_000
    return f"{gigabytes:,.0f} PB"


if __name__ == "__main__":
    print(table())
