"""The provenance service."""
