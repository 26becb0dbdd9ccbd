"""Signs a statement about every job and keeps the transparency log."""
