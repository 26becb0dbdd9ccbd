"""Answers of the warehouse as text: values stay as they came, whatever the body is cut into."""

from __future__ import annotations

import pytest

from queuebit_stack.warehouse_text import lines_of, text_table

BODY = (
    b"d\tn\ts\n"
    b"Decimal(38, 18)\tNullable(UInt8)\tLowCardinality(String)\n"
    b"134.826480000000000001\t\\N\tit\\'s a\\\\tb\n"
    b"2\t7\t\x1b[8m"
)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_table_is_read_from_pieces_of_any_size(size: int) -> None:
    table = text_table(lines_of([BODY[at : at + size] for at in range(0, len(BODY), size)]))
    assert (table.names, table.numbers) == (["d", "n", "s"], [True, True, False])
    assert list(table.rows) == [["134.826480000000000001", "NULL", "it's a\\tb"], ["2", "7", "\\x1b[8m"]]
