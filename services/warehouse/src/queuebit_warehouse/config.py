"""The engine's configuration: resources, durability, and permissions of statements.

Every statement runs as one user with an allow-list of grants: sources outside the store (files, URLs, other servers),
dictionaries, functions, backups and all of SYSTEM are never granted. `guard` refuses the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from queuebit_contracts.tables import views

__all__ = [
    "ENCRYPTED",
    "FORMER",
    "FREE_BYTES",
    "KEY_VARIABLE",
    "OVERLAY",
    "PROFILE",
    "RENEWED",
    "REPLACED",
    "REPLACED_KEY_VARIABLE",
    "TENANT_MARK",
    "profile",
    "write_config",
]

PROFILE: Final[Mapping[str, str]] = {
    "max_threads": "2",
    "max_insert_threads": "1",
    "async_insert": "0",
    "wait_for_async_insert": "1",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "optimize_move_to_prewhere_if_final": "0",
    "use_skip_indexes_if_final": "1",
    "use_skip_indexes_if_final_exact_mode": "1",
}
"""The default settings of a query. Settings for deduplication are set explicitly, because their defaults changed
between versions."""

_FIXED: Final[Mapping[str, str]] = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
    **dict.fromkeys(("additional_result_filter", "additional_table_filters", "implicit_table_at_top_level"), ""),
    **dict.fromkeys(("select", "filter", "order", "sort", "schema_inference_hints", "function_implementation"), ""),
    **dict.fromkeys(("format_schema", "format_schema_message_name", "output_format_schema"), ""),
    **dict.fromkeys(("format_template_resultset", "format_template_row", "format_avro_schema_registry_url"), ""),
    **dict.fromkeys(("input_format_record_errors_file_path", "rename_files_after_processing"), ""),
    **dict.fromkeys(("ai_function_text_default_credentials", "ai_function_embedding_default_credentials"), ""),
    **dict.fromkeys(("url_base", "s3_base", "polyglot_dialect", "promql_database", "promql_table"), ""),
    "dialect": "clickhouse",
    "implicit_select": "0",
    "allow_experimental_eval_table_function": "0",
}
"""Settings that no statement may change: their values are SQL, paths or addresses, or are interpreted as SQL."""

_GRANTED: Final = (
    "SELECT, INSERT, ALTER, DROP, TRUNCATE, OPTIMIZE, SHOW, CHECK, KILL QUERY, "
    "CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE"
)
"""No CREATE DATABASE: the rows that tenants see depend on database and table."""

TENANT_MARK: Final = "tenant:"
"""The prefix of the setting `log_comment` in the session of a user who reads some tenants; their names follow, with
commas between them."""

_NO_TENANT: Final = f"NOT startsWith(getSetting('log_comment'), '{TENANT_MARK}')"
_TENANTS: Final = f"splitByChar(',', substring(getSetting('log_comment'), {len(TENANT_MARK) + 1}))"


def _of_tenants(column: str) -> str:
    return f"{column} != '' AND has({_TENANTS}, {column})"


_OWN_TABLES: Final = ("events", "otel_traces", *views())
_ARE_OWN: Final = f"IN ({', '.join(map(repr, _OWN_TABLES))})"

_ROWS_OF_TENANT: Final[Mapping[str, Mapping[str, str]]] = {
    "default": {
        **dict.fromkeys(("events", *views()), _of_tenants("tenant")),
        "otel_traces": _of_tenants("SpanAttributes['queuebit.tenant']"),
    },
    "system": {
        "tables": f"database = 'system' OR name {_ARE_OWN}",
        "columns": f"database = 'system' OR table {_ARE_OWN}",
        **dict.fromkeys(("databases", "settings", "functions", "formats", "data_type_families", "one"), "1"),
    },
}
"""Filters of the rows that a user of some tenants sees, by database and table; no rows of all other tables."""

OVERLAY: Final = "files"
"""The name of the library's database of files. Without it, the library puts the files under `default`."""

FREE_BYTES: Final = 4 << 20
"""With less free disk space inserts are refused, so that the store can still merge and open."""

_MERGE_TREE: Final = {
    "fsync_after_insert": "1",
    "fsync_part_directory": "1",
    "min_rows_to_fsync_after_merge": "1",
    "min_compressed_bytes_to_fsync_after_merge": "1",
    "max_suspicious_broken_parts": "0",
    "min_free_disk_bytes_to_perform_insert": str(FREE_BYTES),
}
"""All four syncs are needed: without those after a merge, a store does not open after a power cut.
A store with a broken part does not open: a projection is exact, or it is rebuilt."""

_SERVER: Final = {
    "default_database": OVERLAY,
    "async_load_databases": "0",
    "background_schedule_pool_initial_size": "2",
    "memory_worker_period_ms": "500",  # by default 50, which is half of what an idle engine does
    "mark_cache_size": str(32 << 20),
    "index_mark_cache_size": str(8 << 20),
    "primary_index_cache_size": str(32 << 20),
    "text_index_tokens_cache_size": str(8 << 20),
    "text_index_header_cache_size": str(8 << 20),
    "text_index_postings_cache_size": str(16 << 20),
    "vector_similarity_index_cache_size": "0",
    "parquet_metadata_cache_size": "0",
    "iceberg_metadata_files_cache_size": "0",
    "query_condition_cache_size": str(8 << 20),
    "compiled_expression_cache_size": str(16 << 20),
}

_ENGINE_MB: Final = 512
"""Memory of the engine itself, in MB; all queries together may use twice the limit of one query."""


KEY_VARIABLE: Final = "QUEUEBIT_WAREHOUSE_DISK_KEY"
"""The variable from which the engine reads the key of its disk, so that no file has it."""

RENEWED: Final = "renewed"
"""The folder of parts with the new key, until it takes the place of `encrypted`."""

REPLACED_KEY_VARIABLE: Final = "QUEUEBIT_WAREHOUSE_REPLACED_DISK_KEY"
"""As `KEY_VARIABLE`, with the key that is replaced."""

ENCRYPTED, FORMER, REPLACED = "encrypted", "default", "replaced"
"""The disk for all parts of tables, the disk of parts from before there was a key, and, while the key is replaced, the
disk with the former key. Its files have the name `encrypted` until all parts left it."""


def _disks(store: Path, *, replaces: bool) -> str:
    """Disks and policy of the tables. Every table has the policy `default`, so all are encrypted.

    The encrypted disk is over one of its own: in 26.9 the engine cannot sync a folder of one that is a part of another.
    """
    disks = _disk(ENCRYPTED, store / (RENEWED if replaces else ENCRYPTED), KEY_VARIABLE)
    volumes = f"<main><disk>{ENCRYPTED}</disk></main><former><disk>{FORMER}</disk></former>"
    if replaces:
        disks += _disk(REPLACED, store / ENCRYPTED, REPLACED_KEY_VARIABLE)
        volumes += f"<{REPLACED}><disk>{REPLACED}</disk></{REPLACED}>"
    return (
        f"<storage_configuration><disks><{FORMER}><keep_free_space_bytes>0</keep_free_space_bytes></{FORMER}>{disks}"
        f"</disks><policies><default><volumes>{volumes}</volumes></default></policies></storage_configuration>"
    )


def _disk(name: str, folder: Path, key: str) -> str:
    return (
        f"<{name}_files><type>local</type><path>{escape(str(folder))}/</path></{name}_files>"
        f"<{name}><type>encrypted</type><disk>{name}_files</disk><algorithm>AES_256_CTR</algorithm>"
        f'<key_hex from_env="{key}"/></{name}>'
    )


def profile(max_memory_mb: int) -> dict[str, str]:
    """Return the default settings of a session."""
    return {**PROFILE, "max_memory_usage": str(max_memory_mb << 20)}


def write_config(folder: Path, max_memory_mb: int, *, encrypted: bool = False, replaces: bool = False) -> Path:
    """Write the engine's two configuration files; every start overwrites them.

    Args:
        folder: where.
        max_memory_mb: memory of one query.
        encrypted: whether the environment has the key of the disk.
        replaces: whether it also has the key that this one replaces.
    """
    users, config = folder / "users.xml", folder / "config.xml"
    disks = _disks(folder / "store", replaces=replaces) if encrypted else ""
    everything = str((2 * max_memory_mb + _ENGINE_MB) << 20)
    fixed = "".join(f"<{name}><const/></{name}>" for name in _FIXED)
    settings = _xml(profile(max_memory_mb) | {name: value for name, value in _FIXED.items() if value})
    users.write_text(
        f"<clickhouse><profiles><default>{settings}<constraints>{fixed}</constraints></default></profiles>"
        "<users><default><password></password><profile>default</profile><networks><ip>::/0</ip></networks>"
        f"<grants><query>GRANT {_GRANTED} ON *.*</query></grants>"
        f"<databases>{_row_policies()}</databases></default></users></clickhouse>\n"
    )
    config.write_text(
        f"<clickhouse><users_config>{escape(str(users))}</users_config>"
        f"{disks}<merge_tree>{_xml(_MERGE_TREE)}</merge_tree>"
        f"{_xml(_SERVER | {'max_server_memory_usage': everything})}"
        "</clickhouse>\n"
    )
    return config


def _row_policies() -> str:
    """Return the row policies as XML. A user sees a row if one policy allows it; an empty name means all tables."""
    everything = f"<table name=''><filter>{escape(_NO_TENANT)}</filter></table>"
    return "".join(
        f"<{database}>{everything}"
        + "".join(f"<{table}><filter>{escape(rule)}</filter></{table}>" for table, rule in tables.items())
        + f"</{database}>"
        for database, tables in _ROWS_OF_TENANT.items()
    )


def _xml(values: Mapping[str, str]) -> str:
    return "".join(f"<{key}>{escape(value)}</{key}>" for key, value in values.items())
