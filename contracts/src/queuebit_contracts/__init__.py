"""What crosses the bus: events, subjects, topology, schemas."""
