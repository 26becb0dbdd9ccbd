"""chDB behind ClickHouse's HTTP interface, so that every client uses the stock driver."""
