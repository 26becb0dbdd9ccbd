"""A cluster of three servers, under faults."""
