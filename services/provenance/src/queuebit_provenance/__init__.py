"""Signs what happened to every job and keeps the transparency log."""
