"""The prober."""
