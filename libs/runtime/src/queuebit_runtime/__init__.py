"""The common base of all services: bus, log, views, health."""
