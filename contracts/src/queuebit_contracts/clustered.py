"""The warehouse's statements for a cluster of ClickHouse servers: a pure transformation of those for a single server.

Tables keep their names, so that writer, views and row policies are the same. Each is replicated, and a table with the
name `<table>_distributed` reads it over all shards. There is one writer, and so one shard that has rows.

python -m queuebit_contracts.clustered CLUSTER < deploy/clickhouse/tenant.sql    logins for each server of a cluster
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from queuebit_contracts.tables import statements

__all__ = ["clustered", "distributed", "stored_tables"]

_BEHIND_NAME = re.compile(
    r"^((?:CREATE TABLE IF NOT EXISTS|CREATE OR REPLACE VIEW|CREATE MATERIALIZED VIEW IF NOT EXISTS"
    r"|DROP TABLE IF EXISTS|CREATE USER|CREATE ROW POLICY(?: IF NOT EXISTS)?) \S+?)(?=[ ;\n]|$)",
    re.MULTILINE,
)
_AT_END = re.compile(r"^(RENAME TABLE \w+ TO \w+)", re.MULTILINE)
_GRANT = re.compile(r"^GRANT ", re.MULTILINE)
_ENGINE = re.compile(r"^ENGINE = (\w*MergeTree)$", re.MULTILINE)
_TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+)$", re.MULTILINE)
_CLUSTER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def clustered(text: str, cluster: str) -> str:
    """Statements that act on all servers of a cluster, and whose tables are replicated. Others stay as they are.

    `ALTER TABLE` stays: a replicated table hands it on by itself. Paths in Keeper are the server's defaults, which
    contain a table's UUID, so that a table can be renamed and another one have its name.

    Raises:
        ValueError: the name of the cluster is none.
    """
    if not _CLUSTER.fullmatch(cluster):
        raise ValueError(f"{cluster!r:.80} is not the name of a cluster of ClickHouse")
    where = f"ON CLUSTER '{cluster}'"
    text = _BEHIND_NAME.sub(rf"\1 {where}", text)
    text = _AT_END.sub(rf"\1 {where}", text)
    text = _GRANT.sub(f"GRANT {where} ", text)
    text = _ENGINE.sub(r"ENGINE = Replicated\1", text)
    return text.replace("non_replicated_deduplication_window", "replicated_deduplication_window")


def stored_tables() -> tuple[str, ...]:
    """The names of all tables that hold rows, in the order of their making."""
    return tuple(it[1] for text in statements("") if (it := _TABLE.search(text)))


def distributed(cluster: str) -> Iterator[str]:
    """The statements that make the tables over all shards; each is replaced, so that it has the present columns.

    They have no key of sharding, so that nothing can be inserted into several shards.
    """
    for name in stored_tables():
        head = f"CREATE OR REPLACE TABLE {name}_distributed ON CLUSTER '{cluster}' AS {name}"
        yield f"{head}\nENGINE = Distributed('{cluster}', currentDatabase(), '{name}')"


if __name__ == "__main__":
    print(clustered(sys.stdin.read(), sys.argv[1]), end="")
