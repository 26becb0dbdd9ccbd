"""The Queuebit client."""
