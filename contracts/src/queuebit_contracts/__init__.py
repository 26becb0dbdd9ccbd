"""The contracts of the message bus: events, subjects, topology, schemas."""
