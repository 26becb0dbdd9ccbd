"""Serves chDB over ClickHouse's HTTP interface, so that clients use the standard driver."""
