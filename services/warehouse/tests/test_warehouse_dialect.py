from __future__ import annotations

import base64

import pytest

from queuebit_warehouse.dialect import (
    Credentials,
    ExternalTable,
    choose_encoding,
    content_type,
    credentials,
    external_table,
    parse_request,
)
from queuebit_warehouse.errors import DatabaseError


def test_any_key_that_is_not_reserved_is_a_setting() -> None:
    ask = parse_request(
        "POST",
        [
            ("query", "SELECT"),
            ("query", "1"),
            ("database", "d"),
            ("session_id", "s"),
            ("insert_deduplication_token", "x"),
            ("param_who", "me"),
            ("wait_end_of_query", "1"),
            ("enable_http_compression", "1"),
            ("client_protocol_version", "54405"),
        ],
        {},
    )
    assert ask.query == "SELECT\n1"
    assert ask.settings == {"insert_deduplication_token": "x", "enable_http_compression": "1"}
    assert ask.params == {"who": "me"}
    assert (ask.database, ask.session_id, ask.wait_end, ask.compress, ask.read_only) == ("d", "s", True, True, False)


def test_get_is_read_only_and_a_query_id_is_generated() -> None:
    ask = parse_request("GET", [("query_id", "")], {"x-clickhouse-format": "JSON"})
    assert ask.read_only
    assert len(ask.query_id) == 36
    assert ask.default_format == "JSON"


@pytest.mark.parametrize(
    ("key", "value", "number"),
    [
        ("session_timeout", "4000", 374),
        ("session_timeout", "soon", 374),
        ("decompress", "1", 48),
        ("role", "admin", 511),
        ("not a name", "1", 115),
    ],
)
def test_invalid_keys_are_refused(key: str, value: str, number: int) -> None:
    with pytest.raises(DatabaseError) as refused:
        parse_request("GET", [(key, value)], {})
    assert refused.value.number == number


BASIC = {"authorization": "Basic " + base64.b64encode(b"u:p:q").decode()}


@pytest.mark.parametrize(
    ("query", "headers", "found"),
    [
        ({}, {"x-clickhouse-user": "u", "x-clickhouse-key": "p"}, Credentials("u", "p")),
        ({"user": "u", "password": "p"}, {}, Credentials("u", "p")),
        ({}, BASIC, Credentials("u", "p:q")),
        ({}, {}, Credentials("default", "")),
    ],
)
def test_three_ways_to_authenticate(query: dict[str, str], headers: dict[str, str], found: Credentials) -> None:
    assert credentials(query, headers) == found


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ({"user": "u"}, BASIC),
        ({}, {"authorization": "Bearer x"}),
        ({}, {"authorization": "Basic ???"}),
    ],
)
def test_ambiguous_credentials_are_refused(query: dict[str, str], headers: dict[str, str]) -> None:
    with pytest.raises(DatabaseError) as refused:
        credentials(query, headers)
    assert (refused.value.number, refused.value.status) == (516, 403)


def test_a_password_is_not_printed() -> None:
    assert "secret" not in repr(Credentials("u", "secret"))


def test_external_tables_name_their_columns() -> None:
    keys = {"e_types": "UInt8, Decimal(9, 2)", "e_format": "CSV"}
    assert external_table("e", keys) == ExternalTable("e", "_1 UInt8, _2 Decimal(9, 2)", "CSV")
    with pytest.raises(DatabaseError):
        external_table("e", {})


@pytest.mark.parametrize(
    ("text", "number", "status", "message"),
    [
        ("Code: 60. DB::Exception: No t. (UNKNOWN_TABLE)", 60, 404, "No t. (UNKNOWN_TABLE)"),
        ("Code: 62. DB::Exception: Bad\ntext. (SYNTAX_ERROR) (version 26.9)", 62, 400, "Bad\ntext. (SYNTAX_ERROR)"),
        ("Code: 73. DB::Exception: Code: 73. DB::Exception: X. (NO_X). (NO_X)", 73, 404, "X. (NO_X)"),
        ("Code: 243. DB::Exception: Full. (NOT_ENOUGH_SPACE)", 243, 500, "Full. (NOT_ENOUGH_SPACE)"),
        ("something else", 1001, 500, "std::exception. something else (STD_EXCEPTION)"),
    ],
)
def test_the_engines_text_becomes_an_error_of_clickhouse(text: str, number: int, status: int, message: str) -> None:
    error = DatabaseError.from_engine(RuntimeError(text))
    assert (error.number, error.status, error.text) == (number, status, message)
    assert error.body("26.9") == f"Code: {number}. DB::Exception: {message} (version 26.9)\n"


def test_content_types_of_responses() -> None:
    assert choose_encoding("gzip;q=1, lz4") == "lz4"
    assert choose_encoding("br") is None
    assert content_type("JSONEachRow").startswith("application/json")
    assert content_type("CSVWithNames").endswith("header=present")
    assert content_type("Native") == "application/octet-stream"
