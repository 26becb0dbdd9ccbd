"""The warehouse's tables as values: what is derived, what a view asks, which version it is."""

from __future__ import annotations

from queuebit_contracts.tables import VERSION, derived_columns, generation_of, statements, view_query


def test_every_derived_column_is_known_with_its_type_and_expression() -> None:
    (events,) = (text for text in statements("abc") if "TABLE IF NOT EXISTS events\n" in text)
    derived = derived_columns()
    assert len(derived) == events.count(" MATERIALIZED")
    assert derived["charge"].type == "Nullable(Decimal(38, 18))"
    assert derived["charge"].expression.startswith("multiIf(\n        type = 'qb.job.metered.v1', ")
    assert all(it.expression.count("(") == it.expression.count(")") for it in derived.values())
    assert not any("COMMENT" in it.expression for it in derived.values())


def test_a_table_tells_its_version_and_generation() -> None:
    (events,) = (text for text in statements("abc") if "TABLE IF NOT EXISTS events\n" in text)
    comment = events.rpartition("COMMENT '")[2].rstrip().rstrip("'")
    assert generation_of(comment) == (VERSION, "abc")
    assert generation_of("another's table") == (0, "")


def test_a_view_tells_its_query() -> None:
    assert view_query("jobs").startswith("WITH\n")
    assert "FROM events" in view_query("jobs")
