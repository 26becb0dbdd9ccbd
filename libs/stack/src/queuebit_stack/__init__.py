"""The embedded stack: its home, its processes and their supervisor."""
